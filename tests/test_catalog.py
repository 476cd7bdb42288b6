"""Panels are found by id or by path, each once, and what is not there is told with what is."""

from __future__ import annotations

from pathlib import Path

import pytest
from cohorts import member, panel

import mirrisk
from mirrisk.catalog import load_panel, load_panels
from mirrisk.errors import InvalidPanelError, MismatchError, NotFoundError
from mirrisk.signatures import list_panels

ROOT = Path(__file__).resolve().parents[1]
SHIPPED = ["breast", "ewing_sarcoma", "liver", "lung", "osteosarcoma", "prostate", "thyroid"]


def test_shipped_panels_are_the_signature_files():
    assert list_panels() == SHIPPED
    assert sorted(path.stem for path in (ROOT / "signatures").glob("*.toml")) == SHIPPED


@pytest.mark.parametrize("name", SHIPPED)
def test_panel_is_the_same_by_id_by_path_and_as_itself(name):
    by_id = load_panel(name)
    assert by_id.id == name
    path = ROOT / "signatures" / f"{name}.toml"
    assert load_panel(path).digest == load_panel(str(path)).digest == by_id.digest
    assert load_panel(by_id) is by_id
    assert mirrisk.load_panel(name) is by_id


def test_id_of_a_shipped_panel_goes_before_a_file_of_that_name(tmp_path, monkeypatch):
    (tmp_path / "liver").write_text("no panel")
    monkeypatch.chdir(tmp_path)
    assert load_panel("liver").id == "liver"


@pytest.mark.parametrize("name", ["kidney", "Prostate", "", "prostate,lung", "all"])
def test_panel_that_is_not_there_is_told_with_those_that_are(name):
    with pytest.raises(NotFoundError, match="no panel") as caught:
        load_panel(name)
    near = {"Prostate": "prostate", "prostate,lung": "prostate"}.get(name)
    hint = f", did you mean {near!r}?" if near else ""
    assert caught.value.what == f"no panel {name!r}{hint}"
    assert caught.value.expected == "a signature file, or one of " + ", ".join(SHIPPED)
    assert caught.value.remedy == "`mirrisk panels list` shows what there is"


@pytest.mark.parametrize("thing", [7, None, {"id": "prostate"}])
def test_thing_that_is_no_panel_is_refused_with_what_a_panel_may_be(thing):
    with pytest.raises(NotFoundError) as caught:
        load_panel(thing)
    assert caught.value.what == f"no panel can be loaded from {thing!r}"
    assert "fitted panel" in caught.value.expected


def test_file_that_is_no_panel_is_refused_with_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text("schema = 1\n")
    with pytest.raises(InvalidPanelError) as caught:
        load_panel(path)
    assert caught.value.where == str(path)


def test_several_panels_come_in_the_order_given_each_once():
    path = ROOT / "signatures" / "liver.toml"
    names = ["prostate", path, "breast", "liver", load_panel("prostate")]
    assert [p.id for p in load_panels(names)] == ["prostate", "liver", "breast"]
    assert [p.id for p in load_panels(name for name in ("lung", "liver"))] == ["lung", "liver"]


@pytest.mark.parametrize("one", ["liver", load_panel("liver"), ROOT / "signatures" / "liver.toml"])
def test_one_panel_need_not_be_in_a_list(one):
    assert [p.id for p in load_panels(one)] == ["liver"]


def test_two_panels_of_one_id_are_refused_not_merged():
    mine = panel(member("m", "hsa-miR-21-5p"))
    other = panel(member("m", "hsa-miR-16-5p"))
    with pytest.raises(MismatchError, match="two different panels have the id 'toy'"):
        load_panels([mine, other])
    assert load_panels([mine, panel(member("m", "hsa-miR-21-5p"))]) == (mine,)


def test_no_panel_at_all_is_refused():
    with pytest.raises(NotFoundError, match="no panel was named"):
        load_panels([])
