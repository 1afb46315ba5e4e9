"""A tenant's own identity provider signs its people in, and can say of nobody else that it is them."""

import ipaddress
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import User
from django.db import Error, transaction
from django.test import Client

from tenants import invitations, tenancy
from tenants.accounts import single_sign_on
from tenants.models import Invitation, Membership, SsoConnection
from tenants.roles import Role
from tests.cast import Cast, in_console, logged_in
from tests.tenants.accounts import identity_provider
from tests.tenants.accounts.identity_provider import CLIENT_ID, CLIENT_SECRET, IdentityProvider
from tests.tenants.accounts.test_sign_in import sign_in, with_password

pytestmark = pytest.mark.django_db

EMAIL = "nina@acme.example"


@pytest.fixture
def provider(settings: Any) -> Iterator[IdentityProvider]:
    settings.OUTBOUND_ALLOW = [ipaddress.ip_network("127.0.0.0/8")]
    with identity_provider.running() as running:
        running.person("nina", EMAIL)
        yield running


@pytest.fixture
def connection(cast: Cast, provider: IdentityProvider) -> SsoConnection:
    return SsoConnection.objects.create(
        tenant=cast.acme.tenant,
        name="Acme login",
        issuer=provider.url,
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        domains=["acme.example"],
        approved_domains=["acme.example"],
        joins_as="developer",
    )


def come(provider: IdentityProvider, client: Client, email: str = EMAIL, **form: str) -> Any:
    """From one's address to the provider and back; the answer to coming back."""
    sent = client.post("/account/sso/", {"email": email, **form})
    assert sent.status_code == 302, sent.content
    assert sent["Location"].startswith(f"{provider.url}/authorize?")
    back = urlsplit(provider.authorize(sent["Location"]))
    return client.get(f"{back.path}?{back.query}")


def is_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


def test_somebody_new_of_the_domain_gets_an_account_and_joins(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection
):
    client = Client()
    response = come(provider, client, next=f"/t/{cast.acme.tenant.slug}/budgets/")
    assert (response.status_code, response["Location"]) == (302, f"/t/{cast.acme.tenant.slug}/budgets/")
    user = User.objects.get(email=EMAIL)
    assert (user.first_name, user.has_usable_password(), user.is_superuser) == ("Nina", False, False)
    assert EmailAddress.objects.get(user=user).verified
    assert Membership.objects.get(user=user).role == "developer"
    assert client.get(response["Location"]).status_code == 200
    again = Client()
    come(provider, again)
    assert is_in(again)
    assert User.objects.filter(email=EMAIL).count() == 1


def test_a_member_with_a_password_is_signed_in_to_the_same_account_and_keeps_the_role(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection
):
    EmailAddress.objects.filter(user=cast.vera).update(email=EMAIL)
    client = Client()
    come(provider, client)
    assert client.session["_auth_user_id"] == str(cast.vera.pk)
    assert Membership.objects.get(user=cast.vera).role == "viewer"
    assert SocialAccount.objects.get(user=cast.vera).provider == connection.provider_id


def test_who_is_invited_joins_as_invited(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection, mailoutbox: list[Any]
):
    SsoConnection.objects.update(joins_as="")
    stranger = come(provider, Client())
    assert "Accounts are made by invitation." in stranger.content.decode()
    assert not User.objects.filter(email=EMAIL).exists()
    with tenancy.entered(cast.acme.tenant.pk):
        invitations.invite(
            cast.acme.tenant, email=EMAIL, role=Role.ADMIN, invited_by=cast.alice, base_url="http://testserver"
        )
    come(provider, Client())
    assert Membership.objects.get(user__email=EMAIL).role == "admin"
    assert Invitation.objects.get().accepted_at is not None


@pytest.mark.parametrize("claimed", ["charlie@globex.example", "boss@gmail.com"])
def test_it_cannot_say_that_somebody_is_of_a_domain_that_is_not_approved(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection, claimed: str
):
    """The tenant has written the domain down, and its provider swears to it."""
    SsoConnection.objects.update(domains=["acme.example", "globex.example", "gmail.com"])
    EmailAddress.objects.filter(user=cast.charlie).update(email="charlie@globex.example")
    provider.person("evil", claimed)
    client = Client()
    response = come(provider, client)
    assert "Accounts are made by invitation." in response.content.decode()
    assert not is_in(client)
    assert not User.objects.filter(email=claimed).exists()
    assert not SocialAccount.objects.exists()


def test_an_address_that_it_doubts_itself_is_not_believed(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection
):
    EmailAddress.objects.filter(user=cast.vera).update(email=EMAIL)
    provider.person("evil", EMAIL, email_verified=False)
    client = Client()
    come(provider, client)
    assert not is_in(client)


def test_it_never_signs_in_an_operator(cast: Cast, provider: IdentityProvider, connection: SsoConnection):
    EmailAddress.objects.filter(user=cast.olga).update(email=EMAIL)
    client = Client()
    response = come(provider, client)
    assert not is_in(client)
    assert response.status_code in (200, 302, 403)
    SocialAccount.objects.create(user=cast.olga, provider=connection.provider_id, uid="nina")
    response = come(provider, client)
    assert response.status_code == 403
    assert not is_in(client)


def test_an_account_that_another_tenants_provider_uses_is_not_its(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection
):
    """Both say “sub: nina”, and they are two people."""
    SocialAccount.objects.create(user=cast.charlie, provider="sso-" + "0" * 32, uid="nina")
    client = Client()
    come(provider, client)
    assert client.session["_auth_user_id"] != str(cast.charlie.pk)


@pytest.mark.parametrize("fault", ["issuer", "audience", "expired"])
def test_a_token_that_is_not_meant_for_us_or_now_is_refused(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection, fault: str
):
    provider.faults = {fault}
    client = Client()
    content = come(provider, client).content.decode()
    assert "Single sign-on did not work" in content
    assert not is_in(client)


@pytest.mark.parametrize("fault", ["down", "long"])
def test_a_provider_that_is_away_is_told_plainly(provider: IdentityProvider, connection: SsoConnection, fault: str):
    provider.faults = {fault}
    response = Client().post("/account/sso/", {"email": EMAIL})
    assert response.status_code == 502
    assert "Acme login cannot be reached" in " ".join(response.content.decode().split())


def test_a_network_of_ours_is_not_asked(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection, settings: Any
):
    settings.OUTBOUND_ALLOW = []
    assert Client().post("/account/sso/", {"email": EMAIL}).status_code == 502
    assert single_sign_on.check(connection).problems == (
        "The issuer cannot be reached from here, or is not on the public internet.",
    )
    assert provider.asked == []


def test_a_redirect_is_not_followed(provider: IdentityProvider, connection: SsoConnection):
    connection.issuer = f"{provider.url}/moved"
    assert single_sign_on.check(connection).problems != ()
    assert provider.asked == ["/moved/.well-known/openid-configuration"]


def test_checking_says_what_is_wrong(provider: IdentityProvider, connection: SsoConnection):
    assert single_sign_on.check(connection).problems == ()
    provider.faults = {"issuer"}
    assert single_sign_on.check(connection).problems == (
        "It calls itself https://somebody-else.example; the issuer must be given exactly so.",
    )


def test_an_answer_to_another_browser_is_refused(provider: IdentityProvider, connection: SsoConnection):
    """The state belongs to the session that asked."""
    sent = Client().post("/account/sso/", {"email": EMAIL})
    back = urlsplit(provider.authorize(sent["Location"]))
    victim = Client()
    victim.get(f"{back.path}?{back.query}")
    assert not is_in(victim)


def test_switched_off_or_unknown_it_is_not_there(cast: Cast, provider: IdentityProvider, connection: SsoConnection):
    for email in ("x@globex.example", "nobody", EMAIL):
        if email == EMAIL:
            SsoConnection.objects.update(is_active=False)
        assert Client().post("/account/sso/", {"email": email}).status_code == 200
    assert Client().get(f"/account/sso/{connection.provider_id}/").status_code == 404
    for name in ("sso-none", "sso-" + "0" * 32, "google"):
        assert Client().get(f"/account/oidc/{name}/login/").status_code == 404


def test_where_it_is_required_a_password_does_not_open_the_console(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection
):
    SsoConnection.objects.update(is_required=True)
    EmailAddress.objects.filter(user=cast.vera).update(email=EMAIL)
    with_password(cast.vera)
    console = f"/t/{cast.acme.tenant.slug}/"
    client = sign_in(EMAIL).client
    asked = client.get(console)
    assert asked["Location"] == f"/account/sso/{connection.provider_id}/?next=%2Ft%2F{cast.acme.tenant.slug}%2F"
    assert "Continue with Acme login" in client.get(asked["Location"]).content.decode()
    sent = client.post(asked["Location"].partition("?")[0], {"next": console})
    back = urlsplit(provider.authorize(sent["Location"]))
    assert client.get(f"{back.path}?{back.query}")["Location"] == console
    assert client.get(console).status_code == 200
    assert logged_in(cast.olga).get(console).status_code == 200  # operators get in without
    assert logged_in(cast.charlie).get(console).status_code == 404  # and to strangers it is still not there


def test_an_invitation_to_a_tenant_that_requires_it_leads_there(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection, mailoutbox: list[Any]
):
    SsoConnection.objects.update(is_required=True, joins_as="")
    with tenancy.entered(cast.acme.tenant.pk):
        invitations.invite(
            cast.acme.tenant, email=EMAIL, role=Role.ADMIN, invited_by=cast.alice, base_url="http://testserver"
        )
    (link,) = [word for word in mailoutbox[0].body.split() if "/invitation/" in word]
    page = Client().get(link.removeprefix("http://testserver")).content.decode()
    assert f"/account/sso/{connection.provider_id}/" in page
    assert "password" not in page
    come(provider, Client())
    assert Membership.objects.get(user__email=EMAIL).role == "admin"


def test_an_owner_sets_it_up_and_cannot_approve_its_domains(cast: Cast, provider: IdentityProvider):
    alice = in_console(cast.alice, cast.acme.tenant)
    add = f"{alice.home}tenants/ssoconnection/add/"
    form = {
        "name": "Acme login", "issuer": f"{provider.url}/", "client_id": CLIENT_ID, "new_secret": CLIENT_SECRET, "is_active": "on",
        "domains": "Acme.example, @acme.test", "approved_domains": "acme.example", "joins_as": "viewer",
    }  # fmt: skip
    page = alice.post(add, form, follow=True).content.decode()
    made = SsoConnection.objects.get()
    assert (made.tenant, made.domains, made.approved_domains) == (cast.acme.tenant, ["acme.example", "acme.test"], [])
    assert (made.client_secret, made.issuer) == (CLIENT_SECRET, provider.url)
    assert "Not approved by an operator yet: acme.example, acme.test" in page
    change = f"{alice.home}tenants/ssoconnection/{made.pk}/change/"
    content = alice.get(change).content.decode()
    assert f"/account/oidc/{made.provider_id}/login/callback/" in content
    assert CLIENT_SECRET not in content
    alice.post(change, {**form, "new_secret": "", "approved_domains": "acme.example"})
    assert SsoConnection.objects.get().approved_domains == []
    assert SsoConnection.objects.get().client_secret == CLIENT_SECRET
    with tenancy.entered(cast.acme.tenant.pk), pytest.raises(Error), transaction.atomic():
        SsoConnection.objects.update(approved_domains=["acme.example"])
    logged_in(cast.olga).post(
        f"/admin/tenants/ssoconnection/{made.pk}/change/",
        {**form, "new_secret": "", "approved_domains": "acme.example"},
    )
    assert SsoConnection.objects.get().approved_domains == ["acme.example"]


@pytest.mark.parametrize("person", ["ada", "bob", "vera"])
def test_who_is_no_owner_does_not_see_it(cast: Cast, connection: SsoConnection, person: str):
    client = in_console(getattr(cast, person), cast.acme.tenant)
    assert client.get(f"{client.home}tenants/ssoconnection/").status_code == 403
    assert client.get(f"{client.home}tenants/ssoconnection/{connection.pk}/change/").status_code == 403


def test_ones_connected_providers_are_listed_and_taken_away(
    cast: Cast, provider: IdentityProvider, connection: SsoConnection
):
    client = Client()
    come(provider, client)
    account = SocialAccount.objects.get()
    assert "Acme login" in client.get("/account/3rdparty/").content.decode()
    refused = client.post("/account/3rdparty/", {"account": account.pk}, follow=True).content.decode()
    assert "Set a password first" in refused
    User.objects.get(email=EMAIL).delete()
    EmailAddress.objects.filter(user=cast.vera).update(email=EMAIL)
    come(provider, client)
    with_password(cast.vera)
    vera = logged_in(User.objects.get(pk=cast.vera.pk))
    mine = SocialAccount.objects.get(user=cast.vera)
    assert logged_in(cast.bob).post("/account/3rdparty/", {"account": mine.pk}).status_code == 404
    vera.post("/account/3rdparty/", {"account": mine.pk})
    assert not SocialAccount.objects.exists()
