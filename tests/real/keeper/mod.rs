//! ClickHouse's own client in front of a double of ClickHouse's Keeper, in every dialect that it speaks.

mod blocks;
mod double;
mod told;
mod tree;

use std::net::SocketAddr;
use std::thread;

use crate::clients::peers::clickhouse;
use crate::clients::transcript;
use crate::support::gate::Gate;
use double::Keepers;

/// What is switched on in the client, and what zoogate says of its sessions: version, bits of an xid, compression.
const DIALECTS: [(&[&str], [&str; 3]); 5] = [
    (&[], ["0", "32", "false"]),
    (&["use_compression=1"], ["10", "32", "true"]),
    (&["use_xid_64=1"], ["11", "64", "false"]),
    (&["pass_opentelemetry_tracing_context=1"], ["12", "32", "false"]),
    (&["use_xid_64=1", "pass_opentelemetry_tracing_context=1", "use_compression=1"], ["12", "64", "true"]),
];

#[test]
fn every_dialect_is_told_the_same_by_zoogate_and_without_it() {
    let keepers = Keepers::start();
    let gate = Gate::before(&keepers.addresses());
    let ways: [(&str, Vec<SocketAddr>); 3] = [
        ("direct", keepers.addresses()),
        ("pooled", vec![gate.pooled()]),
        ("mirror", [0, 1, 2].map(|index| gate.mirror(index)).to_vec()),
    ];
    for (number, (settings, dialect)) in DIALECTS.into_iter().enumerate() {
        let start = clickhouse(settings);
        let transcripts: Vec<Vec<String>> = thread::scope(|scope| {
            let run = |(way, addresses): &(&str, Vec<SocketAddr>)| {
                transcript::record(&start, addresses, &format!("/{way}-{number}"))
            };
            let runs: Vec<_> = ways.iter().map(|way| scope.spawn(move || run(way))).collect();
            runs.into_iter().map(|run| run.join().expect("a transcript")).collect()
        });
        assert!(transcripts[0].iter().any(|line| line.contains("WHERE k = 'new' -> 77")), "{:#?}", transcripts[0]);
        assert_eq!(transcripts[1], transcripts[0], "{settings:?} through a pooled address");
        assert_eq!(transcripts[2], transcripts[0], "{settings:?} through mirrored addresses");
        told::expect_dialect(&gate, dialect);
    }
    told::expect_understood(&gate);
    // Not those whose operations are compressed.
    let servers = told::identities(&gate).iter().filter(|who| who.starts_with("clickhouse")).count();
    assert!(servers >= 6, "{:?}", told::identities(&gate));
}

/// A server that loses its leader ends its connections and refuses whoever comes, with version 42.
#[test]
fn a_refusal_leads_to_another_server() {
    let keepers = Keepers::start();
    let gate = Gate::before(&keepers.addresses());
    for settings in [&[][..], &["use_xid_64=1"]] {
        let start = clickhouse(settings);
        let at_the_cut = || {
            for other in 0..3 {
                keepers.refuse(other, false);
            }
            keepers.refuse(keepers.busiest(), true);
        };
        let said = transcript::record_with(&start, &[gate.pooled()], "/refused", at_the_cut);
        assert!(said.iter().any(|line| line.contains("WHERE k = 'new' -> 77")), "{said:#?}");
    }
    // The client's library has no uuid of its own: its sessions are none of one server.
    assert!(gate.moves().is_empty(), "{:?}", gate.moves());
    assert!(told::servers(&gate).len() >= 2, "{}", gate.tell());
    told::expect_understood(&gate);
}

/// The client answers pings and is answered them; after 30 s without an answer to one operation it ends its session.
#[test]
fn an_operation_that_is_never_answered_is_named_as_the_end_of_its_session() {
    let keepers = Keepers::start();
    let gate = Gate::before(&keepers.addresses());
    let start = clickhouse(&["use_xid_64=1"]);
    let said = transcript::record_with(&start, &[gate.pooled()], "/slow", || keepers.swallow(b"/maps/map/data"));
    assert!(said.iter().any(|line| line.contains("WHERE k = 'new' -> 77")), "{said:#?}");
    gate.expect_all_judged();
    let told = gate.json("/api/connections");
    let ends = told["connections"].as_array().cloned().unwrap_or_default();
    let ends: Vec<_> = ends.iter().filter(|end| end["reason"] == "operation_timeout").collect();
    assert_eq!(ends.len(), 1, "{}", gate.tell());
    let why = ends[0]["why"].as_str().unwrap_or_default();
    assert!(why.contains("/slow/maps/map/data") && ends[0]["unanswered"] == 1, "{}", ends[0]);
}
