"""What every store must do: one class of tests, run on the store in memory and on DynamoDB (`test_store.py`)."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import permutations
from threading import Barrier
from typing import TypeVar

import pytest

from patchcord.store.port import (
    Blocked,
    CallKey,
    Changes,
    Claim,
    ClaimLost,
    Document,
    Entry,
    Granted,
    Held,
    Store,
    VersionConflict,
    Wait,
)

T = TypeVar("T")

NOON = datetime(2026, 3, 9, 12, 0, 0, 123456, tzinfo=UTC)
"""Not on a whole second, and inside a minute's window by 0.123 s."""
LATER = datetime(2026, 3, 9, 12, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
CALL = CallKey("acme", "ringostat", "1700000000.42")
TRICKY = (
    "a.b[0]", "#0", ":0", "e:x", "r:x", "settled", "at", "", "день 1", "x#y", "if_not_exists(a,:b)", "'\"\\\n",
)  # fmt: skip
"""Names of events and effects that would hurt whoever puts them into an expression."""
BAD_PROJECTS = ("", "a#b", "Acme", "a b", "acme\n", "ä", "a" * 41)


def millisecond(at: datetime) -> datetime:
    """Claims, leases and cool-downs are kept to the millisecond."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def at_once(times: int, work: Callable[[int], T]) -> list[T]:
    """Do it in as many threads, starting together; the answers in order."""
    gate = Barrier(times)

    def start(number: int) -> T:
        gate.wait()
        return work(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(start, range(times)))


def claimed(
    store: Store,
    worker: str = "w1",
    project: str = "acme",
    client: str = "anna",
    now: datetime = NOON,
    over: str | None = None,
) -> Claim:
    """A claim that is ours for a minute, if need be taken over from `over`."""
    claim = store.claim(project, client, worker, now, now + MINUTE, over)
    assert isinstance(claim, Claim)
    return claim


def accepted(store: Store, key: CallKey = CALL, event: str = "ring", at: datetime = NOON, settled: bool = False) -> Entry:
    """An event with a body that says whose it is."""
    return store.accept(key, event, json.dumps([key.project, event]), at, settled)


def take(store: Store, units: int = 1, most: int = 3, now: datetime = NOON, project: str = "acme") -> object:
    """Out of a bucket of three a minute."""
    return store.take(project, "pipedrive", units, most, MINUTE, now)


def all_calls(store: Store, project: str, day: str, limit: int) -> list[Entry]:
    """All pages of a day."""
    entries: list[Entry] = []
    after: str | None = None
    for _ in range(100):
        page = store.calls(project, day, limit, after)
        assert len(page.entries) <= limit
        entries.extend(page.entries)
        after = page.next
        if after is None:
            return entries
    raise AssertionError("pages without end")


class StoreContract:
    """Needs a fixture `store`: an empty store whose clock stands at NOON."""

    # --- settings ---

    def test_a_project_without_settings_has_no_document(self, store: Store) -> None:
        assert store.document("acme") is None
        assert store.document("acme", 1) is None
        assert store.documents("acme") == ()

    def test_versions_count_up_and_all_stay_readable(self, store: Store) -> None:
        assert [store.save_document("acme", f"{n}", "anna", NOON, n) for n in range(12)] == list(range(1, 13))
        assert store.document("acme") == Document("acme", 12, "11", "anna", NOON)
        assert store.document("acme", 9) == Document("acme", 9, "8", "anna", NOON)
        assert store.document("acme", 0) is None
        assert store.document("acme", 13) is None
        assert [document.version for document in store.documents("acme")] == list(range(12, 0, -1))

    @pytest.mark.parametrize("expected", [-1, 0, 1, 3, 4])
    def test_only_the_current_version_can_be_followed(self, store: Store, expected: int) -> None:
        store.save_document("acme", "1", "anna", NOON, 0)
        store.save_document("acme", "2", "anna", NOON, 1)
        with pytest.raises(VersionConflict) as conflict:
            store.save_document("acme", "mine", "boris", LATER, expected)
        assert (conflict.value.project, conflict.value.expected) == ("acme", expected)
        assert [document.body for document in store.documents("acme")] == ["2", "1"]

    def test_nothing_can_be_followed_in_an_empty_project(self, store: Store) -> None:
        with pytest.raises(VersionConflict):
            store.save_document("acme", "mine", "boris", NOON, 1)

    def test_one_of_many_savers_wins(self, store: Store) -> None:
        store.save_document("acme", "1", "anna", NOON, 0)

        def save(number: int) -> bool:
            try:
                return store.save_document("acme", str(number), "anna", NOON, 1) == 2
            except VersionConflict:
                return False

        wins = at_once(20, save)
        assert sum(wins) == 1
        assert [document.body for document in store.documents("acme")] == [str(wins.index(True)), "1"]

    def test_every_project_that_was_saved_is_named_once(self, store: Store) -> None:
        assert store.projects() == ()
        for project, expected in (("globex", 0), ("acme", 0), ("acme", 1)):
            store.save_document(project, "{}", "anna", NOON, expected)
        assert store.projects() == ("acme", "globex")

    def test_big_documents_come_back_whole(self, store: Store) -> None:
        body = "ж" * 150_000
        for expected in range(5):
            store.save_document("acme", f"{expected}{body}", "anna", NOON, expected)
        assert [document.body for document in store.documents("acme")] == [f"{n}{body}" for n in (4, 3, 2, 1, 0)]

    # --- journal: accepting ---

    def test_an_event_is_fresh_once(self, store: Store) -> None:
        first = store.accept(CALL, "ring", "{}", NOON, settled=False)
        again = store.accept(CALL, "ring", "{}", LATER, settled=False)
        assert first == Entry(CALL, events={"ring": "{}"}, at=NOON, fresh=True)
        assert again == Entry(CALL, events={"ring": "{}"}, at=NOON, fresh=False)

    def test_the_first_body_stays(self, store: Store) -> None:
        store.accept(CALL, "ring", "first", NOON, settled=False)
        assert store.accept(CALL, "ring", "second", NOON, settled=False).events == {"ring": "first"}

    def test_what_was_seen_of_the_client_comes_with_the_event(self, store: Store) -> None:
        store.accept(CALL, "route", "{}", NOON, settled=True, client="seen")
        assert store.accept(CALL, "ring", "{}", NOON, settled=True).client == "seen"

    def test_the_client_as_first_seen_stays(self, store: Store) -> None:
        store.note(CALL, Changes(client="before"))
        assert store.accept(CALL, "route", "{}", NOON, settled=True, client="after").client == "before"
        assert store.accept(CALL, "again", "{}", NOON, settled=True).client == "before"

    def test_accepting_answers_with_the_whole_journal(self, store: Store) -> None:
        accepted(store, event="ring", settled=True)
        store.note(CALL, Changes(effects={"lead": "{}"}, client="anna", decision="d"))
        entry = accepted(store, event="end", at=LATER)
        assert set(entry.events) == {"ring", "end"}
        assert (entry.effects, entry.settled) == ({"lead": "{}"}, frozenset({"ring"}))
        assert (entry.client, entry.decision) == ("anna", "d")
        assert (entry.at, entry.fresh) == (NOON, True)

    def test_one_of_many_deliveries_is_fresh(self, store: Store) -> None:
        entries = at_once(20, lambda _: store.accept(CALL, "ring", "same", NOON, settled=False))
        assert sum(entry.fresh for entry in entries) == 1
        assert {entry.events["ring"] for entry in entries} == {"same"}

    def test_events_that_come_together_are_all_kept(self, store: Store) -> None:
        entries = at_once(20, lambda number: store.accept(CALL, f"{number}", f"body {number}", NOON, number % 2 == 0))
        assert all(entry.fresh for entry in entries)
        entry = store.entry(CALL)
        assert entry is not None
        assert entry.events == {f"{n}": f"body {n}" for n in range(20)}
        assert entry.settled == {f"{n}" for n in range(0, 20, 2)}

    def test_any_order_and_repetition_gives_the_same_journal(self, store: Store) -> None:
        seen = []
        for number, order in enumerate(permutations(("ring", "answer", "end", "ring"))):
            key = CallKey("acme", "mango", f"call {number}")
            fresh = [store.accept(key, event, event, NOON, event == "answer").fresh for event in order]
            assert sum(fresh) == 3
            entry = store.entry(key)
            assert entry is not None
            seen.append((entry.events, entry.settled, entry.at))
        assert len(seen) == 24
        assert all(entry == seen[0] for entry in seen)

    @pytest.mark.parametrize("name", TRICKY)
    def test_names_of_events_and_effects_are_arbitrary(self, store: Store, name: str) -> None:
        assert store.accept(CALL, name, "1", NOON, settled=False).fresh
        assert store.accept(CALL, "x", "2", NOON, settled=False).fresh
        assert not store.accept(CALL, name, "3", NOON, settled=False).fresh
        assert store.unsettled([(CALL, name), (CALL, "y")]) == {(CALL, name)}
        store.note(CALL, Changes(effects={name: "4"}, settled=frozenset({name, "z"})))
        assert store.unsettled([(CALL, name)]) == set()
        assert store.entry(CALL) == Entry(CALL, {name: "1", "x": "2"}, {name: "4"}, frozenset({name, "z"}), at=NOON)

    @pytest.mark.parametrize("call", [*TRICKY, "c" * 1000])
    def test_ids_of_calls_are_arbitrary(self, store: Store, call: str) -> None:
        key = CallKey("acme", "mango", call)
        accepted(store, key)
        accepted(store, CallKey("acme", "mango", call[:-1] + "!"))
        entry = store.entry(key)
        assert entry is not None
        assert entry.key == key
        assert key in [entry.key for entry in all_calls(store, "acme", "2026-03-09", 1)]

    def test_a_zone_does_not_matter(self, store: Store) -> None:
        moscow = datetime.fromisoformat("2026-03-10T01:30:00+03:00")
        assert accepted(store, at=moscow).at == moscow
        assert [entry.key for entry in store.calls("acme", "2026-03-09").entries] == [CALL]

    def test_a_time_without_zone_is_refused(self, store: Store) -> None:
        with pytest.raises(TypeError):
            accepted(store, at=NOON.replace(tzinfo=None))
        assert store.entry(CALL) is None

    def test_an_entry_does_not_change_under_its_reader(self, store: Store) -> None:
        before = accepted(store)
        accepted(store, event="end")
        assert set(before.events) == {"ring"}

    # --- journal: reading and noting ---

    def test_an_unknown_call_has_no_entry(self, store: Store) -> None:
        accepted(store)
        assert store.entry(CallKey("acme", "ringostat", "other")) is None
        assert store.entry(CallKey("acme", "mango", CALL.call)) is None

    def test_a_note_adds_and_replaces_and_leaves(self, store: Store) -> None:
        accepted(store)
        store.note(CALL, Changes({"a": "1", "b": "1"}, frozenset({"ring"}), "anna", "first"))
        store.note(CALL, Changes({"b": "2"}, frozenset({"end"})))
        store.note(CALL, Changes(decision="second"))
        store.note(CALL, Changes())
        entry = store.entry(CALL)
        assert entry is not None
        assert (entry.effects, entry.settled) == ({"a": "1", "b": "2"}, frozenset({"ring", "end"}))
        assert (entry.client, entry.decision) == ("anna", "second")

    def test_a_note_may_come_first(self, store: Store) -> None:
        store.note(CALL, Changes(settled=frozenset({"ring"})))
        assert store.entry(CALL) == Entry(CALL, settled=frozenset({"ring"}))
        assert store.calls("acme", "2026-03-09").entries == ()
        assert store.unsettled([(CALL, "ring")]) == set()

    def test_unsettled_are_those_stored_and_not_carried_out(self, store: Store) -> None:
        accepted(store, event="open")
        accepted(store, event="done", settled=True)
        accepted(store, event="noted")
        store.note(CALL, Changes(settled=frozenset({"noted"})))
        other = CallKey("globex", "mango", "x#y")
        accepted(store, other, event="done")
        asked = [(CALL, "open"), (CALL, "done"), (CALL, "noted"), (CALL, "never"), (other, "done"), (other, "open")]
        assert store.unsettled([*asked, *asked]) == {(CALL, "open"), (other, "done")}
        assert store.unsettled([]) == set()
        assert store.unsettled([(CallKey("acme", "mango", "no"), "open")]) == set()

    def test_many_events_can_be_asked_for(self, store: Store) -> None:
        keys = [CallKey("acme", "mango", str(number)) for number in range(60)]
        for number, key in enumerate(keys):
            accepted(store, key, f"event {number}", settled=number % 3 == 0)
        asked = [(key, f"event {number + shift}") for number, key in enumerate(keys) for shift in range(4)]
        assert store.unsettled(asked) == {(key, f"event {n}") for n, key in enumerate(keys) if n % 3}

    # --- journal: working under a claim ---

    def test_begin_writes_intents_and_prolongs(self, store: Store) -> None:
        claim = store.begin(CALL, claimed(store), Changes({"lead": "intent"}, client="c"), NOON + 5 * MINUTE)
        assert claim == Claim("acme", "anna", "w1", millisecond(NOON + 5 * MINUTE))
        entry = store.entry(CALL)
        assert entry is not None
        assert (entry.effects, entry.client) == ({"lead": "intent"}, "c")
        assert store.claim("acme", "anna", "w2", NOON + 2 * MINUTE, NOON + 9 * MINUTE) == Held(claim.until, "w1")

    def test_finish_writes_results_and_the_index_and_gives_back(self, store: Store) -> None:
        accepted(store)
        store.finish(CALL, claimed(store), Changes({"lead": "done"}, frozenset({"ring"}), decision="d"), "index 1")
        entry = store.entry(CALL)
        assert entry is not None
        assert (entry.effects, entry.settled, entry.decision) == ({"lead": "done"}, frozenset({"ring"}), "d")
        assert store.client("acme", "anna") == "index 1"
        second = claimed(store, "w2")
        assert second == Claim("acme", "anna", "w2", millisecond(NOON + MINUTE), "index 1")
        assert store.begin(CALL, second, Changes(), LATER).index == "index 1"
        store.finish(CALL, second, Changes(), None)
        assert store.client("acme", "anna") is None

    def lost(self, store: Store, claim: Claim) -> None:
        """Neither begin nor finish works, and nothing is written."""
        before = (store.entry(CALL), store.client("acme", "anna"))
        with pytest.raises(ClaimLost) as begun:
            store.begin(CALL, claim, Changes({"lead": "mine"}), NOON + 9 * MINUTE)
        with pytest.raises(ClaimLost):
            store.finish(CALL, claim, Changes({"lead": "mine"}, frozenset({"ring"}), "x", "y"), "mine")
        assert (begun.value.project, begun.value.client) == ("acme", "anna")
        assert (store.entry(CALL), store.client("acme", "anna")) == before

    def test_a_claim_that_another_took_is_lost(self, store: Store) -> None:
        accepted(store)
        ours = claimed(store)
        store.begin(CALL, ours, Changes({"lead": "intent"}), ours.until)
        theirs = claimed(store, "w2", now=NOON + 2 * MINUTE, over="w1")
        self.lost(store, ours)
        assert store.claim("acme", "anna", "w3", NOON + 2 * MINUTE, NOON + 9 * MINUTE) == Held(theirs.until, "w2")
        store.finish(CALL, theirs, Changes({"lead": "theirs"}), "theirs")
        self.lost(store, ours)
        assert store.client("acme", "anna") == "theirs"

    def test_a_claim_given_back_or_never_taken_is_lost(self, store: Store) -> None:
        ours = claimed(store)
        store.release(ours)
        self.lost(store, ours)
        self.lost(store, Claim("acme", "anna", "w9", NOON + MINUTE))
        self.lost(store, Claim("acme", "anna", "", NOON + MINUTE))
        other = claimed(store)
        store.finish(CALL, other, Changes(), "index")
        self.lost(store, other)
        with pytest.raises(ClaimLost):
            store.begin(CALL, Claim("acme", "nobody", "w1", NOON + MINUTE), Changes(), LATER)

    def test_an_expired_claim_that_nobody_took_is_still_ours(self, store: Store) -> None:
        ours = claimed(store, now=NOON - 9 * MINUTE)
        longer = store.begin(CALL, ours, Changes({"lead": "intent"}), NOON + 5 * MINUTE)
        assert store.claim("acme", "anna", "w2", NOON, LATER, "w1") == Held(longer.until, "w1")
        store.finish(CALL, ours, Changes({"lead": "done"}), "index")
        assert store.client("acme", "anna") == "index"

    def test_a_claim_does_not_open_another_tenants_journal(self, store: Store) -> None:
        key = CallKey("globex", "ringostat", "1")
        accepted(store, key)
        before = store.entry(key)
        with pytest.raises(ValueError, match="another project"):
            store.begin(key, claimed(store), Changes({"lead": "mine"}), LATER)
        with pytest.raises(ValueError, match="another project"):
            store.finish(key, claimed(store), Changes({"lead": "mine"}), None)
        assert store.entry(key) == before

    def test_of_two_at_work_only_one_finishes(self, store: Store) -> None:
        first = claimed(store)
        second = claimed(store, "w2", now=NOON + 2 * MINUTE, over="w1")

        def finish(number: int) -> bool:
            try:
                store.finish(CALL, (first, second)[number % 2], Changes({f"{number}": ""}), f"{number}")
            except ClaimLost:
                return False
            return True

        done = at_once(20, finish)
        assert sum(done) == 1
        winner = done.index(True)
        assert winner % 2 == 1
        entry = store.entry(CALL)
        assert entry is not None
        assert set(entry.effects) == {f"{winner}"}
        assert store.client("acme", "anna") == f"{winner}"

    # --- journal: a day's calls ---

    def test_calls_come_newest_first_in_pages(self, store: Store) -> None:
        keys = [CallKey("acme", "mango", f"#{number}") for number in range(23)]
        for number, key in enumerate(keys):
            accepted(store, key, at=NOON + number * SECOND)
            store.note(key, Changes(decision=f"{number}"))
        for limit in (1, 5, 22, 23, 24, 100):
            entries = all_calls(store, "acme", "2026-03-09", limit)
            assert [entry.key for entry in entries] == keys[::-1]
        assert entries[0] == Entry(keys[22], {"ring": '["acme", "ring"]'}, decision="22", at=NOON + 22 * SECOND)

    def test_calls_of_the_same_moment_are_all_listed(self, store: Store) -> None:
        keys = {CallKey("acme", "mango", f"{number}") for number in range(9)}
        for key in keys:
            accepted(store, key)
        entries = all_calls(store, "acme", "2026-03-09", 2)
        assert len(entries) == 9
        assert {entry.key for entry in entries} == keys

    def test_a_call_belongs_to_the_day_of_its_first_event(self, store: Store) -> None:
        accepted(store, at=NOON)
        accepted(store, event="end", at=NOON + timedelta(days=1))
        accepted(store, CallKey("globex", "mango", "x"))
        assert [entry.key for entry in store.calls("acme", "2026-03-09").entries] == [CALL]
        assert store.calls("acme", "2026-03-10").entries == ()

    @pytest.mark.parametrize("day", ["", "today", "2026-3-9", "2026-03-09#x", "2026-03-09\n"])
    def test_a_day_is_a_date(self, store: Store, day: str) -> None:
        with pytest.raises(ValueError, match="not a day"):
            store.calls("acme", day)

    @pytest.mark.parametrize("after", ["", "x", "#", "////", "ж", "YWJj"])
    def test_a_page_begins_where_a_page_ended(self, store: Store, after: str) -> None:
        with pytest.raises(ValueError, match="page"):
            store.calls("acme", "2026-03-09", after=after)

    def test_a_foreign_page_token_shows_only_ones_own(self, store: Store) -> None:
        for number in range(4):
            accepted(store, CallKey("acme", "mango", f"{number}"), at=NOON + number * SECOND)
            accepted(store, CallKey("globex", "mango", f"{number}"), at=NOON + number * SECOND)
        token = store.calls("globex", "2026-03-09", 2).next
        assert token is not None
        assert [entry.key for entry in store.calls("acme", "2026-03-09", 9, token).entries] == [
            CallKey("acme", "mango", "1"),
            CallKey("acme", "mango", "0"),
        ]

    # --- erasing ---

    def test_an_erased_call_is_gone_everywhere(self, store: Store) -> None:
        other = CallKey("acme", "ringostat", "1700000000.43")
        accepted(store)
        accepted(store, other)
        assert store.erase_call(CALL)
        assert store.entry(CALL) is None
        assert store.unsettled([(CALL, "ring"), (other, "ring")]) == {(other, "ring")}
        assert [entry.key for entry in store.calls("acme", "2026-03-09").entries] == [other]
        assert not store.erase_call(CALL)
        assert accepted(store, at=LATER) == Entry(CALL, {"ring": '["acme", "ring"]'}, at=LATER, fresh=True)

    def test_erasing_needs_the_call_of_the_same_project(self, store: Store) -> None:
        accepted(store)
        assert not store.erase_call(CallKey("a", CALL.provider, CALL.call))
        assert store.entry(CALL) is not None

    def test_an_erased_client_is_free_and_unknown(self, store: Store) -> None:
        store.finish(CALL, claimed(store), Changes(), "index")
        store.erase_client(claimed(store, "w2"))
        assert store.client("acme", "anna") is None
        assert claimed(store, "w3").index is None

    def test_a_client_of_another_worker_is_not_erased(self, store: Store) -> None:
        store.finish(CALL, claimed(store, now=NOON - 9 * MINUTE), Changes(), "index")
        ours = claimed(store, now=NOON - 9 * MINUTE)
        theirs = claimed(store, "w2", over="w1")
        with pytest.raises(ClaimLost):
            store.erase_client(ours)
        assert theirs.index == store.client("acme", "anna") == "index"
        store.release(theirs)
        with pytest.raises(ClaimLost):
            store.erase_client(theirs)
        with pytest.raises(ClaimLost):
            store.erase_client(Claim("acme", "nobody", "w1", NOON))

    # --- clients ---

    def test_a_free_client_can_be_claimed(self, store: Store) -> None:
        assert claimed(store) == Claim("acme", "anna", "w1", millisecond(NOON + MINUTE), None)
        assert store.client("acme", "anna") is None

    def test_a_claimed_client_is_held(self, store: Store) -> None:
        ours = claimed(store)
        assert store.claim("acme", "anna", "w2", NOON + MINUTE - SECOND, NOON + 9 * MINUTE) == Held(ours.until, "w1")
        assert isinstance(store.claim("acme", "boris", "w2", NOON, LATER), Claim)

    def test_the_same_worker_claims_again(self, store: Store) -> None:
        claimed(store)
        assert claimed(store, now=NOON + SECOND).until == millisecond(NOON + SECOND + MINUTE)

    def test_a_claim_that_ran_out_is_taken_over_by_name(self, store: Store) -> None:
        ours = claimed(store)
        held, over = Held(ours.until, "w1"), NOON + MINUTE
        assert store.claim("acme", "anna", "w2", over, over + MINUTE) == held
        assert store.claim("acme", "anna", "w2", over, over + MINUTE, over="w3") == held
        assert store.claim("acme", "anna", "w2", over - SECOND, over + MINUTE, over="w1") == held
        assert claimed(store, "w2", now=over, over="w1").worker == "w2"
        assert store.claim("acme", "anna", "w3", over, over + MINUTE, over="w1") == Held(millisecond(over + MINUTE), "w2")

    def test_what_nobody_has_can_be_claimed_over_anybody(self, store: Store) -> None:
        assert claimed(store, over="w9").worker == "w1"
        store.release(claimed(store))
        assert claimed(store, "w2", over="w1").worker == "w2"

    def test_one_of_many_claimers_wins(self, store: Store) -> None:
        answers = at_once(20, lambda number: store.claim("acme", "anna", f"w{number}", NOON, NOON + MINUTE))
        (winner,) = [answer for answer in answers if isinstance(answer, Claim)]
        assert [answer for answer in answers if answer != winner] == [Held(winner.until, winner.worker)] * 19

    def test_one_of_many_inherits_an_expired_claim(self, store: Store) -> None:
        store.finish(CALL, claimed(store, now=NOON - 9 * MINUTE), Changes(), "index")
        claimed(store, now=NOON - 2 * MINUTE)
        answers = at_once(20, lambda number: store.claim("acme", "anna", f"v{number}", NOON, NOON + MINUTE, "w1"))
        (winner,) = [answer for answer in answers if isinstance(answer, Claim)]
        assert winner.index == "index"
        assert [answer for answer in answers if answer != winner] == [Held(winner.until, winner.worker)] * 19

    def test_release_gives_back_and_keeps_the_index(self, store: Store) -> None:
        store.finish(CALL, claimed(store), Changes(), "index")
        ours = claimed(store, "w2")
        store.release(ours)
        store.release(ours)
        assert claimed(store, "w3").index == "index"

    def test_release_leaves_anothers_claim(self, store: Store) -> None:
        ours = claimed(store)
        theirs = claimed(store, "w2", now=NOON + MINUTE, over="w1")
        store.release(ours)
        assert store.claim("acme", "anna", "w3", NOON + MINUTE, NOON + 9 * MINUTE) == Held(theirs.until, "w2")
        store.release(Claim("acme", "nobody", "w1", NOON))
        assert store.client("acme", "nobody") is None

    # --- connections ---

    def test_a_window_gives_no_more_than_it_has(self, store: Store) -> None:
        full = Wait(LATER, cooling=False)
        assert [take(store) for _ in range(5)] == [Granted()] * 3 + [full] * 2
        assert take(store, now=LATER) == Granted()

    def test_what_is_refused_takes_nothing(self, store: Store) -> None:
        assert take(store, 2) == Granted()
        assert take(store, 2) == Wait(LATER, cooling=False)
        assert take(store, 1) == Granted()
        assert take(store, 0) == Granted()
        assert take(store, 1) == Wait(LATER, cooling=False)

    def test_more_than_all_counts_as_all(self, store: Store) -> None:
        assert take(store, 99) == Granted()
        assert take(store, 1) == Wait(LATER, cooling=False)
        assert take(store, 99, now=LATER) == Granted()
        assert take(store, 99, now=LATER) == Wait(LATER + MINUTE, cooling=False)

    @pytest.mark.parametrize(("units", "most", "window"), [(-1, 3, MINUTE), (1, 0, MINUTE), (1, 3, timedelta())])
    def test_nonsense_is_refused(self, store: Store, units: int, most: int, window: timedelta) -> None:
        with pytest.raises(ValueError, match=r"units|window"):
            store.take("acme", "pipedrive", units, most, window, NOON)

    def test_windows_of_different_length_count_apart(self, store: Store) -> None:
        for _ in range(3):
            assert store.take("acme", "x", 1, 3, MINUTE, NOON) == Granted()
            assert store.take("acme", "x", 1, 3, 2 * MINUTE, NOON) == Granted()
        assert store.take("acme", "x", 1, 3, 2 * MINUTE, LATER) == Wait(LATER + MINUTE, cooling=False)
        assert store.take("acme", "y", 1, 3, MINUTE, NOON) == Granted()

    @pytest.mark.parametrize("units", [1, 2])
    def test_many_at_once_never_exceed_the_window(self, store: Store, units: int) -> None:
        answers = at_once(20, lambda _: store.take("acme", "pipedrive", units, 7, MINUTE, NOON))
        assert answers.count(Granted()) == 7 // units
        assert answers.count(Wait(LATER, cooling=False)) == 20 - 7 // units

    def test_a_cool_down_holds_for_everybody(self, store: Store) -> None:
        until = millisecond(NOON + 10 * SECOND)
        store.cool_down("acme", "pipedrive", NOON + 10 * SECOND)
        assert take(store) == Wait(until, cooling=True)
        assert take(store, now=until - timedelta(milliseconds=1)) == Wait(until, cooling=True)
        assert [take(store, now=until) for _ in range(4)] == [Granted()] * 3 + [Wait(LATER, cooling=False)]

    def test_the_longer_cool_down_stays(self, store: Store) -> None:
        store.cool_down("acme", "pipedrive", NOON + 20 * SECOND)
        store.cool_down("acme", "pipedrive", NOON + 10 * SECOND)
        assert take(store) == Wait(millisecond(NOON + 20 * SECOND), cooling=True)
        store.cool_down("acme", "pipedrive", NOON + 30 * SECOND)
        assert take(store) == Wait(millisecond(NOON + 30 * SECOND), cooling=True)

    def test_the_longest_of_many_cool_downs_stays(self, store: Store) -> None:
        at_once(20, lambda number: store.cool_down("acme", "pipedrive", NOON + (number * 7 % 20) * SECOND))
        assert take(store) == Wait(millisecond(NOON + 19 * SECOND), cooling=True)

    def test_a_block_holds_until_it_is_lifted(self, store: Store) -> None:
        store.cool_down("acme", "pipedrive", NOON + 10 * SECOND)
        assert store.block("acme", "pipedrive", "token refused", NOON)
        assert not store.block("acme", "pipedrive", "again", LATER)
        assert take(store) == Blocked("token refused", NOON)
        assert take(store, now=NOON + timedelta(days=99)) == Blocked("token refused", NOON)
        store.unblock("acme", "pipedrive")
        assert take(store, now=LATER) == Granted()
        assert store.block("acme", "pipedrive", "again", LATER)
        assert take(store, now=LATER) == Blocked("again", LATER)

    def test_a_cool_down_during_a_block_is_kept(self, store: Store) -> None:
        store.block("acme", "pipedrive", "x", NOON)
        store.cool_down("acme", "pipedrive", LATER)
        assert take(store) == Blocked("x", NOON)
        store.unblock("acme", "pipedrive")
        assert take(store) == Wait(LATER, cooling=True)

    def test_one_of_many_blocks_raises_the_alarm(self, store: Store) -> None:
        assert sum(at_once(20, lambda number: store.block("acme", "pipedrive", f"{number}", NOON))) == 1

    def test_what_is_open_can_be_unblocked(self, store: Store) -> None:
        store.unblock("acme", "pipedrive")
        take(store)
        store.unblock("acme", "pipedrive")
        assert take(store, 3) == Wait(LATER, cooling=False)

    # --- leases ---

    def test_a_lease_has_one_holder(self, store: Store) -> None:
        assert store.lease("acme", "grant", "a", NOON, LATER)
        assert store.lease("acme", "grant", "a", NOON, LATER)
        assert not store.lease("acme", "grant", "b", NOON, LATER)
        assert store.lease("acme", "other", "b", NOON, LATER)
        assert store.lease("acme", "grant", "b", LATER, LATER + MINUTE)
        assert not store.lease("acme", "grant", "a", LATER, LATER + MINUTE)

    def test_only_the_holder_frees_a_lease(self, store: Store) -> None:
        store.lease("acme", "grant", "a", NOON, LATER)
        store.free("acme", "grant", "b")
        assert not store.lease("acme", "grant", "b", NOON, LATER)
        store.free("acme", "grant", "a")
        store.free("acme", "grant", "a")
        assert store.lease("acme", "grant", "b", NOON, LATER)

    def test_one_of_many_gets_the_lease(self, store: Store) -> None:
        assert sum(at_once(20, lambda number: store.lease("acme", "grant", f"{number}", NOON, LATER))) == 1

    # --- what is kept for a while ---

    def test_what_is_kept_is_there_until_its_time_is_over(self, store: Store) -> None:
        assert store.kept("acme", "roster", NOON) is None
        store.keep("acme", "roster", "ж" * 1000, LATER)
        assert store.kept("acme", "roster", NOON) == "ж" * 1000
        assert store.kept("acme", "roster", LATER - timedelta(milliseconds=1)) == "ж" * 1000
        assert store.kept("acme", "roster", LATER) is None
        assert store.kept("acme", "other", NOON) is None

    def test_what_is_kept_later_replaces_what_was(self, store: Store) -> None:
        store.keep("acme", "roster", "first", LATER + MINUTE)
        store.keep("acme", "roster", "", LATER)
        assert store.kept("acme", "roster", NOON) == ""
        assert store.kept("acme", "roster", LATER) is None
        store.keep("acme", "roster", "third", LATER + SECOND)
        assert store.kept("acme", "roster", LATER) == "third"

    def test_what_is_kept_is_no_lease(self, store: Store) -> None:
        store.keep("acme", "grant", "body", LATER)
        assert store.lease("acme", "grant", "a", NOON, LATER)
        store.free("acme", "grant", "a")
        assert store.kept("acme", "grant", NOON) == "body"

    # --- tenants ---

    @pytest.mark.parametrize("project", BAD_PROJECTS)
    def test_what_is_no_project_opens_no_door(self, store: Store, project: str) -> None:
        key = CallKey(project, "mango", "1")
        claim = Claim(project, "c", "w", LATER)
        doors: list[Callable[[], object]] = [
            lambda: store.document(project),
            lambda: store.document(project, 1),
            lambda: store.save_document(project, "", "a", NOON, 0),
            lambda: store.documents(project),
            lambda: store.accept(key, "e", "", NOON, False),
            lambda: store.entry(key),
            lambda: store.unsettled([(key, "e")]),
            lambda: store.note(key, Changes()),
            lambda: store.begin(key, claim, Changes(), LATER),
            lambda: store.finish(key, claim, Changes(), None),
            lambda: store.calls(project, "2026-03-09"),
            lambda: store.claim(project, "c", "w", NOON, LATER),
            lambda: store.release(claim),
            lambda: store.client(project, "c"),
            lambda: store.take(project, "c", 1, 1, MINUTE, NOON),
            lambda: store.cool_down(project, "c", LATER),
            lambda: store.block(project, "c", "r", NOON),
            lambda: store.unblock(project, "c"),
            lambda: store.lease(project, "n", "h", NOON, LATER),
            lambda: store.free(project, "n", "h"),
            lambda: store.keep(project, "n", "b", LATER),
            lambda: store.kept(project, "n", NOON),
        ]
        for door in doors:
            with pytest.raises(ValueError, match="not a project"):
                door()

    @pytest.mark.parametrize("provider", ["", "a#b", "Mango", "mango\n", "a" * 41])
    def test_what_is_no_provider_opens_no_journal(self, store: Store, provider: str) -> None:
        with pytest.raises(ValueError, match="not a provider"):
            accepted(store, CallKey("acme", provider, "1"))

    @pytest.mark.parametrize("name", ["x" * 1001, "ж" * 501, "\ud800"])
    def test_what_fits_in_no_key_is_refused(self, store: Store, name: str) -> None:
        doors: list[Callable[[], object]] = [
            lambda: accepted(store, CallKey("acme", "mango", name)),
            lambda: store.claim("acme", name, "w", NOON, LATER),
            lambda: store.take("acme", name, 1, 1, MINUTE, NOON),
            lambda: store.lease("acme", name, "h", NOON, LATER),
            lambda: store.keep("acme", name, "b", LATER),
        ]
        for door in doors:
            with pytest.raises(ValueError, match=r"name of|surrogates"):
                door()

    @pytest.mark.parametrize(
        ("mine", "theirs", "name"),
        [
            ("a", "b", "x"),
            ("a", "a-b", "b#x"),
            ("a-b", "a", "#"),
            ("a", "b", "b#mango#x"),
            ("a", "b", "x#lease#x"),
            ("a", "b", "x#kept#x"),
        ],
    )
    def test_a_tenant_sees_and_touches_nothing_of_another(self, store: Store, mine: str, theirs: str, name: str) -> None:
        self.furnish(store, theirs, name)
        seen = self.look(store, theirs, name)
        self.is_empty(store, mine, name)
        self.furnish(store, mine, name)
        store.unblock(mine, name)
        store.free(mine, name, "h")
        store.release(Claim(mine, name, f"{mine} w2", LATER))
        assert self.look(store, theirs, name) == seen

    def furnish(self, store: Store, project: str, name: str) -> None:
        """Something of everything."""
        key = CallKey(project, "mango", name)
        store.save_document(project, project, project, NOON, 0)
        accepted(store, key, name)
        store.note(key, Changes({name: project}, client=project, decision=project))
        store.finish(key, claimed(store, f"{project} w1", project, name), Changes(), project)
        claimed(store, f"{project} w2", project, name)
        store.take(project, name, 1, 3, MINUTE, NOON)
        store.cool_down(project, name, LATER)
        store.block(project, name, project, NOON)
        store.lease(project, name, "h", NOON, LATER)
        store.keep(project, name, project, LATER)

    def is_empty(self, store: Store, project: str, name: str) -> None:
        """Nothing of anything; claims and leases are free."""
        key = CallKey(project, "mango", name)
        assert store.document(project) is None
        assert store.document(project, 1) is None
        assert store.documents(project) == ()
        assert store.entry(key) is None
        assert store.unsettled([(key, name)]) == set()
        assert store.calls(project, "2026-03-09").entries == ()
        assert store.client(project, name) is None
        with pytest.raises(ClaimLost):
            store.begin(key, Claim(project, name, "w2", LATER), Changes({"x": "y"}), LATER)
        with pytest.raises(ClaimLost):
            store.finish(key, Claim(project, name, "w2", LATER), Changes({"x": "y"}), "mine")
        assert store.claim(project, name, "mine", NOON, LATER) == Claim(project, name, "mine", LATER)
        store.release(Claim(project, name, "mine", LATER))
        assert store.take(project, name, 3, 3, MINUTE, NOON) == Granted()
        assert store.lease(project, name, "mine", NOON, LATER)
        store.free(project, name, "mine")
        assert store.kept(project, name, NOON) is None

    def look(self, store: Store, project: str, name: str) -> tuple[object, ...]:
        """Everything there is to see, without changing it."""
        key = CallKey(project, "mango", name)
        return (
            store.documents(project),
            store.entry(key),
            store.unsettled([(key, name)]),
            store.calls(project, "2026-03-09"),
            store.client(project, name),
            store.claim(project, name, "somebody", NOON, LATER),
            store.take(project, name, 1, 3, MINUTE, NOON),
            store.lease(project, name, "somebody", NOON, LATER),
            store.kept(project, name, NOON),
        )
