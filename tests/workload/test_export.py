import csv
import hashlib
import json
from datetime import timedelta

import duckdb
import fsspec
import pyarrow.parquet as pq
import pytest

from tests.warehouse.given_features import RUN_DATE, given_request, given_warehouse, read_rows
from tests.workload.given_orders import given_scored
from workload import target as target_module
from workload.export import NothingToExport, ReplacedMeanwhile, export
from workload.target import CannotWrite

WEEK_BEFORE = given_request(RUN_DATE - timedelta(days=7))
FILES = ["changes.csv", "changes.parquet", "manifest.json", "segments.csv", "segments.parquet"]


@pytest.fixture(scope="module")
def scored(tmp_path_factory):
    """Last week stays, moves, leaves; this week stays, moves, comes; made once; each test gets a copy."""
    path = tmp_path_factory.mktemp("scored") / "warehouse.duckdb"
    make_scored(given_warehouse(path), path)
    return path


def make_scored(warehouse, path):
    stay = [(f"c{number}", 10 * number, 1 + number % 7, number) for number in range(20)]
    given_scored(warehouse, path, [*stay, ("moves", 0, 9, "900"), ("leaves", 5, 1, "1")], WEEK_BEFORE)
    given_scored(warehouse, path, [*stay, ("moves", 700, 9, "900"), ("comes", 5, 1, "1")], given_request())


def rows_of(file):
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


def test_segments_are_those_of_the_last_date_in_both_formats(warehouse, path, tmp_path):
    done = export(warehouse, str(tmp_path / "out"))
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == FILES
    exact = [tuple(row.values()) for row in pq.read_table(tmp_path / "out" / "segments.parquet").to_pylist()]
    committed = read_rows(
        path,
        f"""select customer_id, segment, r_score, f_score, m_score, recency, frequency, monetary
        from rfm_scores where run_date = '{RUN_DATE}' order by 1""",
    )
    assert exact == committed
    assert [tuple(row.values()) for row in rows_of(tmp_path / "out" / "segments.csv")] == [
        tuple(map(str, row)) for row in committed
    ]
    assert (done.run_date, done.before, done.customers) == (RUN_DATE, WEEK_BEFORE.run_date, 22)


def test_changes_are_who_moved_came_or_left_and_nobody_else(warehouse, path, tmp_path):
    export(warehouse, str(tmp_path / "out"))
    segments = {
        day: dict(read_rows(path, f"select customer_id, segment from rfm_scores where run_date = '{day}'"))
        for day in (WEEK_BEFORE.run_date, RUN_DATE)
    }
    before, now = segments.values()
    expected = {
        (customer, before.get(customer), now.get(customer))
        for customer in before.keys() | now.keys()
        if before.get(customer) != now.get(customer)
    }
    assert {one[0] for one in expected} >= {"moves", "comes", "leaves"}
    found = pq.read_table(tmp_path / "out" / "changes.parquet").to_pylist()
    assert {tuple(row.values()) for row in found} == expected
    assert len(rows_of(tmp_path / "out" / "changes.csv")) == len(expected) < 22


def test_the_first_date_is_all_new_and_can_be_asked_for(warehouse, tmp_path):
    done = export(warehouse, str(tmp_path / "out"), WEEK_BEFORE.run_date)
    assert (done.run_id, done.before, done.customers, done.changed) == (WEEK_BEFORE.run_id, None, 22, 22)
    assert all(row["from_segment"] == "" for row in rows_of(tmp_path / "out" / "changes.csv"))


def test_the_manifest_tells_run_model_rows_and_checksums(warehouse, tmp_path):
    done = export(warehouse, str(tmp_path / "out"))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["run_id"], manifest["changes_since"]) == (given_request().run_id, "2026-06-22")
    assert manifest["model_id"].startswith("quintile-2026-06-29-")
    assert manifest["rows"] == {"segments": 22, "changes": done.changed}
    assert manifest["sha256"] == {
        name: hashlib.sha256((tmp_path / "out" / name).read_bytes()).hexdigest()
        for name in FILES
        if name != "manifest.json"
    }


def test_exporting_again_gives_the_same_bytes(warehouse, tmp_path):
    for name in ("one", "two"):
        export(warehouse, str(tmp_path / name))
    for name in FILES:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "\nx"]
HARMLESS = ["a=1", "'x", 'quote"d', "a,b", "two\nlines", "ünï"]


def test_cells_that_a_spreadsheet_would_execute_are_text_in_csv_and_exact_in_parquet(path, tmp_path):
    warehouse = given_warehouse(path)
    ids = FORMULAS + HARMLESS
    given_scored(warehouse, path, [(one, 1, 1, "-1.00") for one in ids], given_request())
    export(warehouse, str(tmp_path / "out"))
    for name in ("segments", "changes"):
        found = {row["customer_id"] for row in rows_of(tmp_path / "out" / f"{name}.csv")}
        assert found == {"'" + one for one in FORMULAS} | set(HARMLESS)
        assert set(pq.read_table(tmp_path / "out" / f"{name}.parquet")["customer_id"].to_pylist()) == set(ids)
    assert {row["monetary"] for row in rows_of(tmp_path / "out" / "segments.csv")} == {"-1.00"}


def test_a_reader_of_the_old_file_keeps_it_and_a_failed_write_leaves_it_whole(warehouse, tmp_path, monkeypatch):
    out = tmp_path / "out"
    export(warehouse, str(out), WEEK_BEFORE.run_date)
    old = (out / "segments.csv").read_bytes()

    def full(source, beside):
        beside.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(target_module.shutil, "copyfile", full)
        with pytest.raises(target_module.NoRoom, match=r"changes\.csv cannot be written: No space left"):
            export(warehouse, str(out))
    assert sorted(file.name for file in out.iterdir()) == FILES
    with (out / "segments.csv").open("rb") as reader:
        export(warehouse, str(out))
        assert reader.read() == old
    assert (out / "segments.csv").read_bytes() != old


def test_any_address_that_fsspec_knows_will_do(warehouse):
    export(warehouse, "memory://bucket/segments")
    files = fsspec.filesystem("memory").ls("/bucket/segments", detail=False)
    assert sorted(name.rsplit("/", 1)[1] for name in files) == FILES


@pytest.mark.parametrize("address", ["nowhere://x", "/proc/nowhere"])
def test_a_target_that_cannot_be_written_is_said(warehouse, address):
    with pytest.raises(CannotWrite, match=address):
        export(warehouse, address)


def test_without_scores_there_is_nothing_to_export(path, tmp_path):
    warehouse = given_warehouse(path)
    with pytest.raises(NothingToExport, match="nothing has been scored yet"):
        export(warehouse, str(tmp_path / "out"))
    given_scored(warehouse, path, [("a", 1, 1, "1")], given_request())
    with pytest.raises(NothingToExport, match="2026-06-22 has not been scored"):
        export(warehouse, str(tmp_path / "out"), WEEK_BEFORE.run_date)
    assert not (tmp_path / "out").exists()


def test_changes_count_from_a_date_on_which_everybody_had_left(warehouse, path, tmp_path):
    empty, last = (given_request(RUN_DATE + timedelta(days=days)) for days in (7, 14))
    given_scored(warehouse, path, [], empty)
    done = export(warehouse, str(tmp_path / "out"))
    assert (done.run_date, done.before, done.customers, done.changed) == (empty.run_date, RUN_DATE, 0, 22)
    assert rows_of(tmp_path / "out" / "segments.csv") == []

    given_scored(warehouse, path, [("c1", 0, 9, "900"), ("new", 0, 1, "1")], last)
    done = export(warehouse, str(tmp_path / "out"))
    assert (done.before, done.changed) == (empty.run_date, 2)
    came = [(row["customer_id"], row["from_segment"]) for row in rows_of(tmp_path / "out" / "changes.csv")]
    assert came == [("c1", ""), ("new", "")]


OTHERS = [(f"d{number}", number, 1, number) for number in range(22)]


@pytest.mark.parametrize("day", [RUN_DATE, WEEK_BEFORE.run_date], ids=["of the date", "of the date before"])
@pytest.mark.parametrize("rows", [OTHERS, []], ids=["as many others", "nobody"])
def test_scores_that_were_replaced_while_they_were_read_are_not_exported(
    warehouse, path, tmp_path, monkeypatch, day, rows
):
    sound = warehouse.segment_changes

    def replaced(*arguments):
        given_scored(warehouse, path, rows, given_request(day, attempt=2))
        return sound(*arguments)

    monkeypatch.setattr(warehouse, "segment_changes", replaced)
    with pytest.raises(ReplacedMeanwhile, match=f"the scores of {day} were replaced"):
        export(warehouse, str(tmp_path / "out"))
    assert list((tmp_path / "out").iterdir()) == []

    monkeypatch.undo()
    assert export(warehouse, str(tmp_path / "out")).run_date == RUN_DATE


def test_rows_of_another_run_than_the_ledger_says_are_not_exported(warehouse, path, tmp_path):
    with duckdb.connect(str(path)) as connection:
        connection.execute("update rfm_scores set run_id = 'rfm-2026-06-29-2' where run_date = ?", [RUN_DATE])
    with pytest.raises(ReplacedMeanwhile, match=f"the scores of {RUN_DATE} were replaced"):
        export(warehouse, str(tmp_path / "out"))
