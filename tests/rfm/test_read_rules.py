"""Whatever is wrong with a rule file is said with file and line."""

import pytest

from rfm.read_rules import SHIPPED, WrongRules, find_rules, read_rules, rules_named

TERCILE = (SHIPPED / "tercile.yaml").read_text()


@pytest.fixture
def changed(tmp_path):
    """Writes tercile.yaml with one text replaced; returns the path and the line on which the new text begins."""

    def change(old: str, new: str):
        assert TERCILE.count(old) >= 1
        before = TERCILE[: TERCILE.index(old)]
        path = tmp_path / "mine.yaml"
        path.write_text(TERCILE.replace(old, new, 1))
        return path, before.count("\n") + 1

    return change


def refusal(path, **more) -> str:
    with pytest.raises(WrongRules) as refused:
        read_rules(path, **more)
    return str(refused.value)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("quantiles: [0.33, 0.67]", "quantiles: [0.67, 0.33]", "must grow"),
        ("quantiles: [0.33, 0.67]", "quantiles: [0.33, 0.33]", "must grow"),
        ("cut_points: [2, 5]", "cut_points: [5, 2]", "must grow"),
        ("cut_points: [2, 5]", "cut_points: []", "1 to 19 edges"),
        ("description: ", "owner: ", "owner"),
        ("value_on_edge: above", "value_on_edge: over", "'below' or 'above'"),
        ("cells:\n      - {recency: 3, frequency: 3}", "cells: []", "at least 1 item"),
    ],
)
def test_a_wrong_part_is_told_with_the_line_where_it_starts(changed, old, new, said):
    path, line = changed(old, new)
    told = refusal(path)
    assert said in told
    near = [line - 1, line]
    assert any(f"{path}:{number}: " in told for number in near), (told, near)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("{recency: 1, frequency: 1}", "{recency: 1, frequency: 2}", "is in both 'at risk' and 'hibernating'"),
        ("{recency: 1, frequency: 1}", "{recency: 4, frequency: 1}", "scores go from 1 to 3"),
        ("{recency: 1, frequency: 1}", "{recency: 0, frequency: 1}", "scores go from 1 to 3"),
        ("{recency: 1, frequency: 1}", "{recency: 2-1, frequency: 1}", "the lower first"),
        ("{recency: 1, frequency: 1}", "{recency: one, frequency: 1}", "4 or as 1-3"),
        ("{recency: 1, frequency: 1}", "{recency: 1, frequency: 1, money: 1}", "Extra inputs"),
        ("- name: loyal", "- name: Champions", "is taken by the segment 'champions'"),
        ('colour: "#44AA99"', 'colour: "#117733"', "is taken by the segment 'champions'"),
        ('colour: "#44AA99"', 'colour: "green"', "pattern"),
        ("- name: loyal", "- name: =cmd()", "pattern"),
        ("quantiles: [0.33, 0.67]", "quantiles: [0.33, 1]", "less than 1"),
        ("quantiles: [0.33, 0.67]", "quantiles: [0.33, .nan]", "finite"),
        ("cut_points: [2, 5]", "cut_points: [1, 5]", "one score could never be given"),
        ("cut_points: [2, 5]", "cut_points: [2, 5.5]", "whole numbers"),
        ("cut_points: [2, 5]", "cut_points: [2, 5]\n  cut_points: [3, 4]", "stands twice"),
        ("cut_points: [2, 5]", "cut_points: [2, 5]\n  quantiles: [0.5]", "not both"),
        ("cut_points: [2, 5]", "cut_points: [2, 5", "this is no YAML"),
        ("cut_points: [2, 5]", "cut_points: &loop [*loop]", "nested too deeply"),
        ("cut_points: [2, 5]", "cut_points: !!python/object/apply:os.getcwd []", "frequency"),
        ("name: tercile", "name: ../../etc", "pattern"),
    ],
)
def test_what_is_wrong_is_told_in_plain_words(changed, old, new, said):
    path, _ = changed(old, new)
    assert said in refusal(path)


@pytest.mark.parametrize(
    ("cuts", "on_edge", "unreachable"),
    [
        ("30, 718", "below", None),
        ("30, 719", "below", "719"),
        ("30, 719", "above", None),
        ("30, 720", "above", "720"),
        ("30, 800", "above", "800"),
    ],
)
def test_a_cut_of_recency_beyond_the_window_is_told_where_the_window_is_known(changed, cuts, on_edge, unreachable):
    path, line = changed("  quantiles: [0.33, 0.67]\n  value_on_edge: above", "RECENCY")
    path.write_text(path.read_text().replace("RECENCY", f"  cut_points: [{cuts}]\n  value_on_edge: {on_edge}"))
    assert read_rules(path).recency.bins == 3
    if unreachable is None:
        assert find_rules(str(path), window_days=720).recency.bins == 3
        return
    told = refusal(path, window_days=720)
    assert f"{path}:{line}: recency.cut_points.2: no value of recency is beyond {unreachable} in 720 days" in told


def test_a_missing_combination_is_named(changed):
    path, _ = changed("      - {recency: 1, frequency: 1}\n", "      - {recency: 1, frequency: 1, monetary: 1-2}\n")
    told = refusal(path)
    assert "no segment has recency 1, frequency 1, monetary 3" in told


def test_every_problem_is_told_at_once_in_the_order_of_lines(changed, tmp_path):
    path, _ = changed("cut_points: [2, 5]", "cut_points: [5, 2]")
    path.write_text(path.read_text().replace('"#882255"', "purple").replace("[0.33, 0.67]", "[0, 0.67]", 1))
    told = refusal(path).splitlines()
    assert len(told) == 3
    assert [int(line.removeprefix(f"{path}:").split(":")[0]) for line in told] == sorted(
        int(line.removeprefix(f"{path}:").split(":")[0]) for line in told
    )


@pytest.mark.parametrize("content", [b"", b"[]", b"just text", b"\xff\xfe\x00", b"a: 1\n" * 300_000, b"? [1]\n: 2"])
def test_what_is_no_rule_set_at_all_is_refused(tmp_path, content):
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    assert str(path) in refusal(path)


def test_the_setting_takes_a_name_or_a_path_and_a_request_only_a_name(changed, tmp_path):
    path, _ = changed("name: tercile", "name: mine")
    assert find_rules("quintile", window_days=720).name == "quintile"
    assert find_rules(str(path), window_days=720).name == "mine"
    assert find_rules("rfm/rules/tercile.yaml", window_days=720).name == "tercile"
    for name in (str(path), "../rules/tercile", "nothing", ""):
        with pytest.raises(WrongRules, match="known: quintile, tercile"):
            rules_named(name)
    with pytest.raises(WrongRules, match="neither a rule set that ships"):
        find_rules(str(tmp_path / "absent.yaml"), window_days=720)


def test_a_long_list_of_problems_is_cut(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("\n".join(f"field{number}: {number}" for number in range(5000)))
    assert len(refusal(path)) < 10_000
