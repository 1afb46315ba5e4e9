"""The rollups' tables. They are written by `dashboards.folding` and read by `dashboards.reading`, both in SQL."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from tenants.models import Tenant, TenantOwned


class Series(TenantOwned):
    """A combination of labels that occurred: the values of a shape's dimensions, in its order (see `dashboards.shapes`)."""

    id = models.AutoField(primary_key=True)
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    shape = models.SmallIntegerField()
    labels = ArrayField(models.TextField())

    class Meta:
        verbose_name_plural = "series"
        constraints = [models.UniqueConstraint(fields=["tenant", "shape", "labels"], name="series_once")]

    def __str__(self) -> str:
        return f"{self.shape}: {', '.join(self.labels)}"


class Calendar(TenantOwned):
    """Of which time zone a tenant's rollups by day are. Days before `exact_from` were the days of another zone: their records are gone."""

    tenant = models.OneToOneField(
        Tenant, primary_key=True, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    zone = models.CharField(max_length=64)
    exact_from = models.DateField(null=True)

    def __str__(self) -> str:
        return self.zone


class Cell(TenantOwned):
    """What one series added up to in one bucket of one level: a column for each measure and sketch. Partitioned by level."""

    pk = models.CompositePrimaryKey("level", "tenant_id", "shape", "bucket", "series_id")
    level = models.SmallIntegerField()
    tenant = models.ForeignKey(Tenant, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    shape = models.SmallIntegerField()
    bucket = models.DateTimeField()
    series_id = models.IntegerField()

    class Meta:
        managed = False  # partitioned, and its other columns are named in `dashboards.measures`
        db_table = "dashboards_cell"

    def __str__(self) -> str:
        return f"{self.bucket} {self.series_id}"


class UserDay(TenantOwned):
    """The end users of a day that is over, as a string: see `dashboards.entries`. `level` and `bucket` are as in the rollups."""

    pk = models.CompositePrimaryKey("level", "tenant_id", "bucket")
    level = models.SmallIntegerField()
    tenant = models.ForeignKey(
        Tenant, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    bucket = models.DateTimeField()
    entries = models.BinaryField()

    def __str__(self) -> str:
        return f"{self.bucket}"
