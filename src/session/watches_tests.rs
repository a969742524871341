use super::*;

fn ask(table: &mut WatchTable, xid: i32, op: OpCode, flags: i32, path: &str) {
    let path = path.as_bytes();
    table.on_request(&Request { xid: Xid(xid.into()), op, part: op, path, flags, data_len: 0, frame_len: 20 });
}

fn answer(table: &mut WatchTable, xid: i32, error: ErrorCode) -> bool {
    answer_to(table, xid, None, error)
}

fn answer_to(table: &mut WatchTable, xid: i32, op: Option<OpCode>, error: ErrorCode) -> bool {
    table.on_reply(Xid(xid.into()), op, error)
}

fn fire(table: &mut WatchTable, kind: i32, path: &str) -> bool {
    table.on_event(&WatchEvent { kind, state: 3, path: path.as_bytes() })
}

#[test]
fn a_watch_is_set_by_the_reply_and_used_up_by_its_event() {
    let mut table = WatchTable::default();
    ask(&mut table, 1, OpCode::GET_DATA, 1, "/a");
    ask(&mut table, 2, OpCode::EXISTS, 1, "/missing");
    ask(&mut table, 3, OpCode::GET_CHILDREN2, 1, "/a");
    ask(&mut table, 4, OpCode::GET_DATA, 0, "/unwatched");
    assert_eq!(table.counts(), [0; 6]);
    assert!(answer(&mut table, 1, ErrorCode::OK));
    assert!(answer(&mut table, 2, ErrorCode::NO_NODE));
    assert!(answer(&mut table, 3, ErrorCode::OK));
    assert!(!answer(&mut table, 4, ErrorCode::OK));
    assert_eq!(table.counts(), [1, 1, 1, 0, 0, 0]);

    assert!(fire(&mut table, 1, "/missing"));
    assert_eq!(table.counts(), [1, 0, 1, 0, 0, 0]);
    assert!(fire(&mut table, 2, "/a"), "a deletion fires data and child watches");
    assert_eq!(table.counts(), [0; 6]);
    assert!(table.0.is_none(), "an empty table holds memory");
}

/// ClickHouse lists so at a Keeper.
#[test]
fn a_filtered_list_sets_a_child_watch() {
    for op in [OpCode::FILTERED_LIST, OpCode::FILTERED_LIST_WITH_DATA] {
        let mut table = WatchTable::default();
        ask(&mut table, 1, op, 1, "/a");
        assert!(answer_to(&mut table, 1, Some(op), ErrorCode::OK));
        assert_eq!(table.counts(), [0, 0, 1, 0, 0, 0]);
    }
}

#[test]
fn of_many_that_wait_few_are_looked_at_for_a_reply() {
    let mut table = WatchTable::default();
    for number in 0..WATCH_REQUESTS_CAP as i32 {
        ask(&mut table, 1_000 + number, OpCode::GET_DATA, 1, "/a");
    }
    let looked_at = LOOKED_AT as i32;
    assert!(!answer(&mut table, 1_000 + looked_at, ErrorCode::OK), "so many were never passed over at once");
    assert!(!answer(&mut table, 7, ErrorCode::OK), "one before all of them");
    assert_eq!(table.0.as_ref().map(|watched| watched.waiting.len()), Some(WATCH_REQUESTS_CAP));
    assert!(answer(&mut table, 1_000 + looked_at - 1, ErrorCode::OK));
    assert_eq!(table.0.map(|watched| watched.waiting.len()), Some(WATCH_REQUESTS_CAP - LOOKED_AT));
}

#[test]
fn a_failed_request_sets_no_watch() {
    let mut table = WatchTable::default();
    ask(&mut table, 1, OpCode::GET_DATA, 1, "/missing");
    assert!(!answer(&mut table, 1, ErrorCode::NO_NODE));
    ask(&mut table, 2, OpCode::EXISTS, 1, "/there");
    assert!(answer(&mut table, 2, ErrorCode::OK));
    assert_eq!(table.counts(), [1, 0, 0, 0, 0, 0]);
}

#[test]
fn watching_a_node_twice_is_one_watch() {
    let mut table = WatchTable::default();
    for xid in 1..=2 {
        ask(&mut table, xid, OpCode::GET_DATA, 1, "/a");
        assert_eq!(answer(&mut table, xid, ErrorCode::OK), xid == 1);
    }
    assert_eq!(table.counts(), [1, 0, 0, 0, 0, 0]);
}

#[test]
fn persistent_watches_stay_until_they_are_removed() {
    let mut table = WatchTable::default();
    ask(&mut table, 1, OpCode::ADD_WATCH, 0, "/p");
    ask(&mut table, 2, OpCode::ADD_WATCH, 1, "/r");
    answer(&mut table, 1, ErrorCode::OK);
    answer(&mut table, 2, ErrorCode::OK);
    assert!(!fire(&mut table, 3, "/p"));
    assert_eq!(table.counts(), [0, 0, 0, 1, 1, 0]);
    ask(&mut table, 3, OpCode::REMOVE_WATCHES, 3, "/p");
    ask(&mut table, 4, OpCode::REMOVE_WATCHES, 5, "/r");
    assert!(answer(&mut table, 3, ErrorCode::OK));
    assert!(answer(&mut table, 4, ErrorCode::OK));
    assert_eq!(table.counts(), [0; 6]);
}

#[test]
fn carried_watches_are_counted_until_they_fire() {
    let mut table = WatchTable::default();
    ask(&mut table, 1, OpCode::SET_WATCHES, 3, "");
    assert!(!fire(&mut table, 3, "/changed-meanwhile"));
    assert!(answer(&mut table, 1, ErrorCode::OK));
    assert_eq!(table.counts(), [0, 0, 0, 0, 0, 2]);
    assert!(fire(&mut table, 3, "/carried"));
    assert!(fire(&mut table, 2, "/carried-too"));
    assert!(!fire(&mut table, 2, "/unheard-of"));
    assert_eq!(table.counts(), [0; 6]);
    assert!(table.0.is_none(), "an empty table holds memory");
}

#[test]
fn a_reply_that_skips_requests_drops_them() {
    let mut table = WatchTable::default();
    ask(&mut table, 1, OpCode::GET_DATA, 1, "/lost");
    ask(&mut table, 2, OpCode::GET_DATA, 1, "/answered");
    assert!(answer(&mut table, 2, ErrorCode::OK));
    assert!(!answer(&mut table, 1, ErrorCode::OK));
    assert_eq!(table.counts(), [1, 0, 0, 0, 0, 0]);
}

#[test]
fn a_path_cut_at_the_cap_is_the_same_as_the_whole_one() {
    let long = format!("/{}", "x".repeat(3 * PATH_CAP));
    let mut table = WatchTable::default();
    ask(&mut table, 1, OpCode::GET_DATA, 1, &long[..PATH_CAP]);
    answer(&mut table, 1, ErrorCode::OK);
    assert!(fire(&mut table, 3, &long));
}

#[test]
fn hostile_numbers_of_watches_are_not_remembered_without_bound() {
    let mut table = WatchTable::default();
    for number in 0..WATCHED_PATHS_CAP as i32 + 100 {
        ask(&mut table, number, OpCode::GET_DATA, 1, &format!("/{number}"));
        answer(&mut table, number, ErrorCode::OK);
    }
    assert_eq!(table.counts()[0] as usize, WATCHED_PATHS_CAP);
    for number in 0..2 * WATCH_REQUESTS_CAP as i32 {
        ask(&mut table, number, OpCode::GET_DATA, 1, "/0");
    }
    assert_eq!(table.0.map(|watched| watched.waiting.len()), Some(WATCH_REQUESTS_CAP));
}

/// One watch of every kind that is set by name: all on `/a` but for the one on `/missing`.
fn one_of_each() -> WatchTable {
    let mut table = WatchTable::default();
    for (xid, op, flags, path, error) in [
        (1, OpCode::GET_DATA, 1, "/a", ErrorCode::OK),
        (2, OpCode::EXISTS, 1, "/missing", ErrorCode::NO_NODE),
        (3, OpCode::GET_CHILDREN, 1, "/a", ErrorCode::OK),
        (4, OpCode::ADD_WATCH, 0, "/a", ErrorCode::OK),
        (5, OpCode::ADD_WATCH, 1, "/a", ErrorCode::OK),
    ] {
        ask(&mut table, xid, op, flags, path);
        assert!(answer_to(&mut table, xid, Some(op), error), "{op}");
    }
    assert_eq!(table.counts(), [1, 1, 1, 1, 1, 0]);
    table
}

#[test]
fn a_removal_takes_the_kinds_of_its_type() {
    for (watcher_type, path, left) in [
        (0, "/a", [1, 1, 1, 1, 1, 0]),
        (1, "/a", [1, 1, 0, 1, 1, 0]),
        (2, "/a", [0, 1, 1, 1, 1, 0]),
        (2, "/missing", [1, 0, 1, 1, 1, 0]),
        (3, "/a", [0, 1, 0, 0, 0, 0]),
        (4, "/a", [1, 1, 1, 0, 1, 0]),
        (5, "/a", [1, 1, 1, 1, 0, 0]),
        (6, "/a", [1, 1, 1, 1, 1, 0]),
    ] {
        let mut table = one_of_each();
        ask(&mut table, 9, OpCode::REMOVE_WATCHES, watcher_type, path);
        let changed = answer_to(&mut table, 9, Some(OpCode::REMOVE_WATCHES), ErrorCode::OK);
        assert_eq!((table.counts(), changed), (left, left != [1, 1, 1, 1, 1, 0]), "type {watcher_type} at {path}");
    }
}

#[test]
fn an_event_uses_up_the_kinds_of_its_type() {
    for (event_type, path, left) in [
        (1, "/missing", [1, 0, 1, 1, 1, 0]),
        (2, "/a", [0, 1, 0, 1, 1, 0]),
        (3, "/a", [0, 1, 1, 1, 1, 0]),
        (4, "/a", [1, 1, 0, 1, 1, 0]),
        (4, "/missing", [1, 1, 1, 1, 1, 0]),
        (5, "/a", [1, 1, 1, 1, 1, 0]),
        (3, "/unheard-of", [1, 1, 1, 1, 1, 0]),
    ] {
        let mut table = one_of_each();
        let changed = fire(&mut table, event_type, path);
        assert_eq!((table.counts(), changed), (left, left != [1, 1, 1, 1, 1, 0]), "type {event_type} at {path}");
    }
}

#[test]
fn what_fails_changes_nothing() {
    let mut table = one_of_each();
    for (xid, op, flags) in [
        (11, OpCode::GET_DATA, 1),
        (12, OpCode::EXISTS, 1),
        (13, OpCode::REMOVE_WATCHES, 3),
        (14, OpCode::SET_WATCHES2, 7),
    ] {
        ask(&mut table, xid, op, flags, "/a");
        assert!(!answer_to(&mut table, xid, Some(op), ErrorCode::NO_AUTH), "{op}");
    }
    assert_eq!(table.counts(), [1, 1, 1, 1, 1, 0]);
}

#[test]
fn what_asks_for_no_watch_is_not_remembered() {
    let mut table = WatchTable::default();
    for (op, flags) in [
        (OpCode::GET_DATA, 0),
        (OpCode::EXISTS, 0),
        (OpCode::GET_CHILDREN2, 0),
        (OpCode::CREATE, 1),
        (OpCode::REMOVE_WATCHES, 3),
        (OpCode::SET_WATCHES, -1),
    ] {
        ask(&mut table, 1, op, flags, "/a");
        assert!(table.0.is_none(), "{op}");
    }
}

#[test]
fn replies_to_other_operations_settle_nothing() {
    let mut table = WatchTable::default();
    ask(&mut table, 1, OpCode::GET_DATA, 1, "/a");
    assert!(!answer_to(&mut table, 1, Some(OpCode::CREATE), ErrorCode::OK), "an xid used twice");
    assert!(answer_to(&mut table, 1, Some(OpCode::GET_DATA), ErrorCode::OK));
    for (xid, op) in [(2, OpCode::SET_WATCHES), (3, OpCode::SET_WATCHES2)] {
        ask(&mut table, xid, op, 2, "");
        assert!(answer_to(&mut table, xid, Some(op), ErrorCode::OK), "{op}");
        ask(&mut table, xid, op, 0, "");
        assert!(!answer_to(&mut table, xid, Some(op), ErrorCode::OK), "{op} of nothing");
    }
    ask(&mut table, 4, OpCode::GET_CHILDREN2, 1, "/a");
    assert!(answer_to(&mut table, 4, Some(OpCode::GET_CHILDREN2), ErrorCode::OK));
    assert_eq!(table.counts(), [1, 0, 1, 0, 0, 4]);
}

#[test]
fn a_full_table_takes_more_kinds_of_the_paths_that_it_has() {
    let mut table = WatchTable::default();
    for number in 0..WATCHED_PATHS_CAP as i32 {
        ask(&mut table, number, OpCode::GET_DATA, 1, &format!("/{number}"));
        answer(&mut table, number, ErrorCode::OK);
    }
    for (path, taken) in [("/new", false), ("/0", true)] {
        ask(&mut table, 1, OpCode::GET_CHILDREN, 1, path);
        assert_eq!(answer(&mut table, 1, ErrorCode::OK), taken, "{path}");
    }
    assert_eq!(table.counts(), [WATCHED_PATHS_CAP as u32, 0, 1, 0, 0, 0]);
}

#[test]
fn kinds_are_named_apart() {
    let names: Vec<_> = WatchKind::ALL.iter().map(|kind| kind.label()).collect();
    assert_eq!(names, ["data", "exist", "child", "persistent", "recursive", "carried"]);
}
