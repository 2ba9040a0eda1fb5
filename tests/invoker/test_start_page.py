"""The start page as people have it: in a browser, by mouse and keyboard, light and dark, on a telephone."""

from contextlib import closing
from datetime import date

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from invoker.app import create_app
from invoker.auth import COOKIE
from invoker.tokens import CHECKED
from messenger.contract import ORCHESTRATE, Failure
from register.sqlite import SqliteRegister
from tests.browser import chromium, keep, opened
from tests.invoker.given_runs import ask_for, given_runs, tell
from tests.invoker.google import ACCOUNT, AUDIENCE, CertificateServer, Key
from tests.invoker.parts import client_of
from tests.invoker.prefect_stand_in import PrefectStandIn
from tests.invoker.results import BEFORE, ODD, REFUNDS, with_results
from tests.snapshot.given_snapshots import RUN_DATE

FILLED = ("segments filled", "runs filled", "reports filled")
MARKS = "() => Object.fromEntries(performance.getEntriesByType('mark').map(one => [one.name, one.startTime]))"
SOON, CALM = 20_000, 11_000
"""Milliseconds: a look of the page later, also where others run beside; and until the next look while no run goes."""
DRAWN = "() => performance.getEntriesByName('drawn').length"
STEPS = {
    date(1998, 6, 9): [
        ("features", "succeeded", None),
        ("scoring", "failed", Failure(type="TooManyRejected", message="more than half of the rows were refused")),
        (ORCHESTRATE, "failed", Failure(type="StepFailed", message="scoring failed; see its row")),
    ],
    date(1998, 6, 16): [(step, "succeeded", None) for step in ("features", "scoring", ORCHESTRATE)],
    date(1998, 6, 23): [(ORCHESTRATE, "started", None), ("features", "started", None)],
    date(1998, 6, 30): [],
}
"""What was told of the runs: one failed, one went well, one is under way, one waits."""


@pytest.fixture(scope="module")
def browser():
    with chromium() as one:
        yield one


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    prefect = PrefectStandIn().start()
    settings = with_results(tmp_path_factory.mktemp("start-page"), prefect)
    given_runs(settings, STEPS)
    with client_of(create_app(settings)) as client:
        yield client, settings
    prefect.stop()


@pytest.fixture(scope="module")
def address(served):
    return str(served[0].base_url)


def is_drawn(watched):
    watched.page.wait_for_function(DRAWN)
    return watched.page


def test_the_first_visit_shows_everything_and_asks_nobody_else(browser, address):
    """How soon is measured by make bench-asking: here others run beside."""
    with opened(browser, address) as watched:
        page = is_drawn(watched)

        assert set(FILLED) < set(page.evaluate(MARKS))
        expect(page.locator("#segment-rows tr").first).to_contain_text("champions")
        expect(page.locator("#run-rows tr")).to_have_count(4)
        expect(page.locator("#report-links li")).to_have_count(1)
        assert [asked for asked in watched.requests if not asked.startswith(address)] == []
        assert watched.said == []


def test_runs_are_shown_with_their_states_and_what_went_wrong(browser, address):
    with opened(browser, address) as watched:
        rows = is_drawn(watched).locator("#run-rows tr")

        expect(rows.filter(has_text="rfm-1998-06-30-1")).to_contain_text("requested")
        expect(rows.filter(has_text="rfm-1998-06-23-1")).to_contain_text("features started")
        expect(rows.filter(has_text="rfm-1998-06-16-1").locator(".state")).to_have_text("● succeeded")
        expect(rows.filter(has_text="rfm-1998-06-09-1")).to_contain_text("StepFailed: scoring failed; see its row")


def publish_report(settings, day):
    folder = settings.published.path / "rfm" / str(day)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.html").write_text("<!doctype html><title>Report</title><h1>Report</h1>")


def test_a_run_that_ends_is_shown_and_told_without_a_reload_and_then_its_report(browser, tmp_path):
    prefect = PrefectStandIn().start()
    settings, day = with_results(tmp_path, prefect), date(1998, 6, 23)
    given_runs(settings, STEPS)
    with (
        client_of(create_app(settings)) as client,
        opened(browser, str(client.base_url)) as watched,
        closing(SqliteRegister(settings.runs.path)) as register,
    ):
        page = is_drawn(watched)
        report = page.get_by_role("link", name=f"Report of {day}", exact=True)
        tell(register, day, ORCHESTRATE, "succeeded")

        expect(page.locator("#news")).to_have_text(f"rfm-{day}-1 succeeded")
        expect(page.locator("#run-rows tr").filter(has_text=f"rfm-{day}-1")).to_contain_text("succeeded")
        expect(report).to_have_count(0)

        publish_report(settings, day)
        tell(register, day, "report", "succeeded")
        expect(report).to_be_visible(timeout=SOON)

        # a new attempt takes the page of the one before away, until it has its own
        ask_for(register, day, force=True)
        (settings.published.path / "rfm" / str(day) / "report.html").unlink()
        tell(register, day, ORCHESTRATE, "succeeded", attempt=2)
        expect(report).to_have_count(0, timeout=SOON)
        publish_report(settings, day)
        tell(register, day, "report", "succeeded", attempt=2)
        expect(report).to_be_visible(timeout=SOON)
        assert watched.said == []
    prefect.stop()


@pytest.mark.parametrize(
    ("status", "body"), [(502, "<h1>Bad Gateway</h1>"), (429, "rate exceeded"), (200, "<h1>Please log in</h1>")]
)
def test_an_answer_of_a_proxy_is_told_and_the_page_goes_on(browser, address, status, body):
    with opened(browser, "about:blank") as watched:
        page = watched.page
        page.clock.install()
        for path in ("/runs", "/segments"):
            page.route(f"**{path}*", lambda route: route.fulfill(status=status, content_type="text/html", body=body))
        page.goto(address)
        expect(page.locator("#runs-about.problem")).to_contain_text("not the invoker's own")
        expect(page.locator("#segments-about.problem")).to_contain_text("not the invoker's own")
        page.unroute_all()
        page.clock.fast_forward(CALM)

        expect(page.locator("#run-rows tr")).to_have_count(4)
        expect(page.locator("#segment-rows tr").first).to_contain_text("champions")
        expect(page.locator(".problem:not(.words *)")).to_have_count(0)


def test_a_customer_is_looked_up_with_the_keyboard_alone(browser, address):
    with opened(browser, address) as watched:
        page = is_drawn(watched)
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to content")).to_be_focused()
        reached = []
        while "customer-id" not in reached and len(reached) < 40:
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.id || document.activeElement.textContent.trim()"))
        page.keyboard.type("c07")
        page.keyboard.press("Enter")

        assert {"Segments", "Customer", "Runs", "Reports", "API"} <= set(reached)
        answer = page.locator("#customer-answer")
        expect(answer).to_contain_text(f"as of {RUN_DATE}")
        expect(answer).to_contain_text("recency: 21 days")
        expect(answer).to_contain_text(f"{BEFORE}:")
        keep(page, "start-customer", full_page=True)
        assert watched.said == []


@pytest.mark.parametrize(
    ("customer", "said"),
    [(ODD, f"{ODD} is "), (REFUNDS, "was not scored"), ("nobody", "no published run_date knows a customer of this id")],
)
def test_whatever_the_id_is_the_page_says_what_is_known(browser, address, customer, said):
    with opened(browser, address) as watched:
        page = is_drawn(watched)
        page.get_by_label("Customer id").fill(customer)
        page.get_by_role("button", name="Look up").click()

        expect(page.locator("#customer-answer")).to_contain_text(said)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_stands_in_the_way_of_those_who_see_little_or_nothing(browser, address, scheme):
    with opened(browser, address, color_scheme=scheme) as watched:
        page = is_drawn(watched)
        page.get_by_label("Customer id").fill("c07")
        page.get_by_role("button", name="Look up").click()
        expect(page.locator("#customer-answer li").first).to_be_visible()
        keep(page, f"start-{scheme}", full_page=True)
        found = Axe().run(page)

        assert found.violations_count == 0, found.generate_report()


def test_a_telephone_shows_it_without_scrolling_sideways(browser, address):
    with opened(browser, address, width=390, height=800) as watched:
        page = is_drawn(watched)
        keep(page, "start-telephone", full_page=True)

        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.fixture
def google():
    key = Key("k1")
    server = CertificateServer(key)
    yield key, server
    server.stop()


def with_tokens_of(folder, prefect, server, *, auth):
    return with_results(
        folder,
        prefect,
        auth=auth,
        audiences=AUDIENCE,
        accounts="scheduler@example.com",
        readers=ACCOUNT,
        certificates=server.url,
    )


@pytest.fixture
def with_tokens(tmp_path, google):
    """The address of an invoker that asks for Google's tokens, and the key that they are signed with."""
    prefect, (key, server) = PrefectStandIn().start(), google
    settings = with_tokens_of(tmp_path, prefect, server, auth="google")
    given_runs(settings, STEPS)
    with client_of(create_app(settings)) as client:
        yield str(client.base_url), key
    prefect.stop()


def sign_in(page, token):
    page.get_by_label("Google ID token").fill(token)
    page.get_by_role("button", name="Sign in").click()


def test_who_signs_in_with_a_token_sees_everything_and_can_follow_links(browser, with_tokens):
    address, key = with_tokens
    with opened(browser, address) as watched:
        page = is_drawn(watched)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        expect(page.locator("#segments-about")).to_have_text("Sign in to see them.")
        keep(page, "start-sign-in", full_page=True)
        sign_in(page, key.token())

        expect(page.locator("#segment-rows tr").first).to_contain_text("champions")
        expect(page.get_by_role("heading", name="Sign in")).to_be_hidden()
        assert COOKIE not in page.evaluate("document.cookie")
        page.get_by_role("link", name=f"Report of {RUN_DATE}", exact=True).click()
        expect(page.get_by_role("heading", name="Report")).to_be_visible()


def test_nothing_stays_on_the_screen_of_who_is_not_signed_in_any_more(browser, with_tokens):
    address, key = with_tokens
    with opened(browser, address) as watched:
        page = is_drawn(watched)
        expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        sign_in(page, key.token())
        expect(page.locator("#segment-rows tr").first).to_contain_text("champions")
        page.get_by_label("Customer id").fill("c07")
        page.get_by_role("button", name="Look up").click()
        expect(page.locator("#customer-answer li").first).to_be_visible()

        page.context.clear_cookies()  # as the browser does when the token has expired
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible(timeout=SOON)
        nothing_is_shown(page)


def test_who_signs_out_is_forgotten(browser, with_tokens):
    address, key = with_tokens
    with opened(browser, address) as watched:
        page = is_drawn(watched)
        sign_in(page, key.token())
        expect(page.locator("#report-links li")).to_have_count(1)
        page.reload()
        expect(page.locator("#report-links li")).to_have_count(1)
        keep(page, "start-signed-in")
        page.get_by_role("button", name="Sign out").click()

        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
        nothing_is_shown(page)
        expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
        assert page.context.cookies() == []


def nothing_is_shown(page):
    expect(page.locator("#segment-rows tr, #run-rows tr, #report-links li, #customer-answer *")).to_have_count(0)
    expect(page.locator("table").first).to_be_hidden()


def test_a_token_of_somebody_else_is_refused_and_kept_nowhere(browser, with_tokens):
    address, key = with_tokens
    with opened(browser, address) as watched:
        page = is_drawn(watched)
        sign_in(page, key.token(email="stranger@example.com"))

        expect(page.locator("#sign-in-why")).to_have_text("this account may not do this")
        assert page.context.cookies() == []


def test_behind_cloud_run_no_cookie_is_believed(tmp_path, google, monkeypatch):
    """Cloud Run has checked the header's token, and nobody a cookie's: it could say anything."""
    prefect, (key, server) = PrefectStandIn().start(), google
    monkeypatch.setenv("K_SERVICE", "invoker")
    settings = with_tokens_of(tmp_path, prefect, server, auth="cloud-run")
    good = key.token()
    checked = good.rsplit(".", 1)[0] + CHECKED
    with client_of(create_app(settings)) as client:
        for token in (good, checked):
            assert client.get("/segments", headers={"Authorization": f"Bearer {token}"}).status_code == 200
            assert client.get("/segments", headers={"Cookie": f"{COOKIE}={token}"}).status_code == 401
    prefect.stop()
