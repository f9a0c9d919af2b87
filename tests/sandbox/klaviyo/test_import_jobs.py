"""Import jobs: their life, their errors, the lists they fill."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sandbox.klaviyo.conftest import Bodies, Client

    from recurly_klaviyo_sandbox.klaviyo import KlaviyoAccount

Opened = tuple["KlaviyoAccount", "Client"]
ROWS = "/data/attributes/profiles/data"


def test_an_import_is_a_job_that_goes_from_queued_to_complete(
    client: Client, bodies: type[Bodies]
) -> None:
    """The answer is 202 with a queued job; status reads find it processing, then complete."""
    response = client.bulk_import(bodies.profile("ann@shop.se"), bodies.profile("bob@shop.se"))
    assert response.status_code == 202
    job = response.json()["data"]
    assert job["attributes"]["status"] == "queued"
    assert job["attributes"]["total_count"] == 2
    assert client.job(job["id"])["status"] == "processing"
    done = client.job(job["id"])
    assert (done["status"], done["completed_count"], done["failed_count"]) == ("complete", 2, 0)
    emails = [each["attributes"]["email"] for each in client.pages("/api/profiles")]
    assert emails == ["ann@shop.se", "bob@shop.se"]


def test_how_long_a_job_takes_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """A job ends after the given number of polls, or after its time, whichever is first."""
    account, client = open_account(job_polls=3, job_duration=timedelta(minutes=1))
    by_polls = client.bulk_import(bodies.profile("ann@shop.se")).json()["data"]["id"]
    statuses = [client.job(by_polls)["status"] for _ in range(4)]
    assert statuses == ["processing"] * 3 + ["complete"]
    by_time = client.bulk_import(bodies.profile("bob@shop.se")).json()["data"]["id"]
    assert client.get("/api/profiles", filter='equals(email,"bob@shop.se")').json()["data"] == []
    account.state.clock.advance(timedelta(minutes=1))
    assert len(client.get("/api/profiles", filter='equals(email,"bob@shop.se")').json()["data"])
    assert client.job(by_time)["status"] == "complete"


def test_a_job_may_be_cancelled(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """A cancelled job imports nothing; the next one works again."""
    account.cancel_jobs(1)
    first = client.bulk_import(bodies.profile()).json()["data"]["id"]
    second = client.bulk_import(bodies.profile("bob@shop.se")).json()["data"]["id"]
    account.profiles()
    assert client.job(first)["status"] == "cancelled"
    assert client.job(second)["status"] == "complete"
    assert [profile.email for profile in account.profiles()] == ["bob@shop.se"]


def test_a_job_expires_after_a_week(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Seven days later the job is not found any more."""
    job = client.bulk_import(bodies.profile()).json()["data"]["id"]
    account.state.clock.advance(timedelta(days=7))
    assert client.get(f"/api/profile-bulk-import-jobs/{job}").status_code == 404


def test_order_is_not_guaranteed(open_account: Callable[..., Opened], bodies: type[Bodies]) -> None:
    """Rows of one person in one job, or in two open jobs, may be written in any order."""
    first, second = (bodies.profile(properties={"n": number}) for number in (1, 2))
    for order, kept in (("sent", 2), ("reversed", 1)):
        account, client = open_account(import_order=order)
        client.bulk_import(first, second)
        (ann,) = account.profiles()
        assert ann.properties == {"n": kept}
        account, client = open_account(import_order=order)
        client.bulk_import(first)
        client.bulk_import(second)
        (ann,) = account.profiles()
        assert ann.properties == {"n": kept}


def test_ten_thousand_profiles_an_import(client: Client, bodies: type[Bodies]) -> None:
    """10,000 rows pass, 10,001 do not."""
    rows = [bodies.profile(f"p{number}@shop.se") for number in range(10_001)]
    assert client.pointers(client.bulk_import(*rows)) == [ROWS]
    assert client.bulk_import(*rows[:10_000]).status_code == 202


def test_failed_rows_are_import_errors_in_pages(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """Each failed row is an error with its payload and pointer, 20 to a page."""
    emails = [f"p{number}@shop.se" for number in range(50)]
    account.refuse_imports(dict.fromkeys(emails[:45], "Refused for the test."))
    rows = [bodies.profile(email) for email in emails]
    job = client.bulk_import(*rows).json()["data"]["id"]
    account.profiles()
    assert client.job(job)["failed_count"] == 45
    path = f"/api/profile-bulk-import-jobs/{job}/import-errors"
    assert len(client.get(path).json()["data"]) == 20
    errors = client.pages(path)
    assert len(errors) == 45
    assert errors[7]["attributes"] == {
        "code": "invalid",
        "title": "Invalid input.",
        "detail": "Refused for the test.",
        "source": {"pointer": f"{ROWS}/7/attributes/email"},
        "original_payload": rows[7],
    }
    assert len(client.get(path, page_size=100).json()["data"]) == 45
    assert client.get(path, page_size=101).status_code == 400


def test_the_payload_of_an_import_error_is_a_switch(
    open_account: Callable[..., Opened], bodies: type[Bodies]
) -> None:
    """An import error may show the attributes alone instead of the row as sent."""
    account, client = open_account(original_payload="attributes")
    account.refuse_imports({"ann@shop.se": "No."})
    job = client.bulk_import(bodies.profile(title="Dr")).json()["data"]["id"]
    account.profiles()
    (error,) = client.pages(f"/api/profile-bulk-import-jobs/{job}/import-errors")
    assert error["attributes"]["original_payload"] == {"email": "ann@shop.se", "title": "Dr"}


def test_imported_profiles_join_lists(
    account: KlaviyoAccount, client: Client, bodies: type[Bodies]
) -> None:
    """The rows of a job join its lists; an unknown list is 404."""
    identifier = account.add_list("Customers").id
    assert client.bulk_import(bodies.profile(), lists=(identifier,)).status_code == 202
    (ann,) = account.profiles()
    assert ann.lists == (identifier,)
    assert client.bulk_import(bodies.profile(), lists=("none",)).status_code == 404
    shown = client.get(f"/api/lists/{identifier}").json()["data"]["attributes"]
    assert shown["name"] == "Customers"
