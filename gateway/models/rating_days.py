"""What votes and judgements add up to, day by day, and which days have changed since. See `gateway.judging.days`."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models import Tenant, TenantOwned


class RatingChange(TenantOwned):
    """A vote or judgement of an answer of about that time (its quarter of an hour) came, changed or went. Written by triggers, in the
    transaction that does it; no foreign key constraint, as what a tenant had may go with it.
    """

    seq = models.BigAutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "at"], name="rating_change_of_tenant")]

    def __str__(self) -> str:
        return f"{self.at}"


class RatingDay(TenantOwned):
    """A day of a time zone (the tenant's, and UTC): what is known of answers with the same task, model, provider and tags. The columns are
    those of `gateway.judging.ratings`. `band` -1: of any length; else scores of answers of that length, which are the same ones once more.
    """

    id = models.BigAutoField(primary_key=True)
    zone = models.CharField(max_length=64)
    day = models.DateField()
    task = models.CharField(max_length=60, blank=True)
    model = models.CharField(max_length=120, blank=True)
    provider = models.CharField(max_length=60, blank=True)
    tags = ArrayField(models.CharField(max_length=64), default=list)
    band = models.SmallIntegerField()
    up = models.IntegerField()
    down = models.IntegerField()
    good = models.IntegerField()
    judged = models.IntegerField()
    invalid = models.IntegerField()
    good_up = models.IntegerField()
    good_down = models.IntegerField()
    bad_up = models.IntegerField()
    bad_down = models.IntegerField()
    points = models.IntegerField()
    squares = models.IntegerField()

    class Meta:
        indexes = [models.Index(fields=["tenant", "zone", "band", "day"], name="rating_day_of_tenant")]

    def __str__(self) -> str:
        return f"{self.day}"
