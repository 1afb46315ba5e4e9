"""Row-level security of how much tenants may use."""

from django.db import migrations

from tenants.rls import EnableTenantRls, GrantToConsole


class Migration(migrations.Migration):
    dependencies = [("billing", "0004_budget_triggers"), ("tenants", "0008_row_level_security")]
    operations = [
        GrantToConsole("billing_plan"),
        GrantToConsole("billing_plantier"),
        EnableTenantRls("Subscription", console="SELECT"),
        EnableTenantRls("Budget"),
        EnableTenantRls("BudgetRaise"),
        EnableTenantRls("AlertChannel"),
        EnableTenantRls("Alert", console="SELECT, UPDATE (budget_id)"),  # a deleted budget's alerts stay
        EnableTenantRls("AlertDelivery", console="SELECT, DELETE"),  # those of a deleted channel go with it
        EnableTenantRls("DailyUsage", console="SELECT"),
    ]
