//! The servers among themselves: who is who, versions, who is behind, and what each allows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::address_measurement::{AddressMeasurement, RoleSighting, ServerMeasurement, answering};
use super::code::DoctorCode;
use super::finding::DoctorFinding;
use super::quorum_rules::{epoch, members};
use crate::ids::Zxid;
use crate::session::probe_result::{ServerHealth, ServerRole};

/// How much older than a question what another server showed must be to count: a follower is a moment behind always.
const MARGIN: Duration = Duration::from_secs(1);
/// Words that zoogate and this command use.
const WORDS: [&str; 4] = ["srvr", "mntr", "conf", "cons"];

/// Its number within its epoch.
fn counter(zxid: Zxid) -> i64 {
    zxid.0 & 0xffff_ffff
}

pub(super) fn judge(servers: &[ServerMeasurement]) -> Vec<DoctorFinding> {
    let mut findings = Vec::new();
    judge_identities(servers, &mut findings);
    judge_members(servers, &mut findings);
    judge_versions(servers, &mut findings);
    judge_steps(servers, &mut findings);
    judge_words(servers, &mut findings);
    judge_bounds(servers, &mut findings);
    findings
}

fn judge_identities(servers: &[ServerMeasurement], findings: &mut Vec<DoctorFinding>) {
    let before = findings.len();
    for (place, server) in servers.iter().enumerate() {
        if let Some(sign) = many_servers(server) {
            findings.push(DoctorFinding::of(DoctorCode::NameOfManyServers, &server.server).with("shown_by", sign));
        }
        let same = servers[..place].iter().find_map(|other| Some((other, same_server(server, other)?)));
        if let Some((other, sign)) = same {
            findings.push(
                DoctorFinding::of(DoctorCode::ServerListedTwice, &server.server)
                    .with("other", other.server.to_string())
                    .with("shown_by", sign),
            );
        }
    }
    // One server alone has nobody to be mistaken for.
    if findings.len() == before && answering(servers).count() > 1 {
        findings.push(DoctorFinding::of(DoctorCode::ServersDistinct, "").with("servers", servers.len()));
    }
}

/// What shows that a name stands for several servers.
fn many_servers(server: &ServerMeasurement) -> Option<String> {
    let myids: BTreeSet<u64> = server.addresses.iter().flat_map(|address| address.myids.iter().copied()).collect();
    if myids.len() > 1 {
        let listed: Vec<String> = myids.iter().map(u64::to_string).collect();
        return Some(format!("it answers as the servers with the myids {}", listed.join(", ")));
    }
    let mut seen: Vec<&RoleSighting> = server.addresses.iter().flat_map(|address| &address.sightings).collect();
    if role_changes_back(&seen) {
        return Some("its role changed and changed back in one epoch".to_owned());
    }
    seen.sort_by_key(|sighting| sighting.asked);
    seen.windows(2).find_map(|pair| {
        let (before, after) = (pair[0], pair[1]);
        // Questions that overlap say nothing of what came first.
        let (old, new) = (before.zxid?, after.zxid?);
        if epoch(old) != epoch(new) || before.answered > after.asked {
            return None;
        }
        // Within an epoch a server forgets nothing.
        (new < old).then(|| format!("its zxid went back from {old} to {new}"))
    })
}

/// Whether it led, did not, and led again, or the other way round, while what it told was of one epoch. One change is an
/// election: who led before shows the old epoch until the next write.
fn role_changes_back(seen: &[&RoleSighting]) -> bool {
    let mut by_epoch: BTreeMap<i64, Vec<(Duration, Duration, bool)>> = BTreeMap::new();
    for sighting in seen {
        if let Some(zxid) = sighting.zxid {
            let leads = sighting.role == ServerRole::Leader;
            by_epoch.entry(epoch(zxid)).or_default().push((sighting.answered, sighting.asked, leads));
        }
    }
    by_epoch.into_values().any(|mut sightings| {
        sightings.sort_unstable();
        [true, false].into_iter().any(|first| {
            let (mut wanted, mut steps, mut until) = (first, 0, Duration::ZERO);
            for (answered, asked, leads) in &sightings {
                // Questions that overlap say nothing of what came first.
                if *leads == wanted && *asked >= until {
                    (wanted, steps, until) = (!wanted, steps + 1, *answered);
                }
            }
            steps >= 3
        })
    })
}

/// What shows that two names are one server.
fn same_server(one: &ServerMeasurement, other: &ServerMeasurement) -> Option<String> {
    // Two names of one address need no look at what answers there.
    let shared =
        one.addresses.iter().find(|address| other.addresses.iter().any(|known| known.address == address.address));
    if let Some(shared) = shared {
        return Some(format!("both names have the address {}", shared.address));
    }
    let only = |server: &ServerMeasurement| {
        let mut myids = server.addresses.iter().flat_map(|address| address.myids.iter().copied());
        let first = myids.next()?;
        // Servers alone have no number of their own.
        let is_alone = server.role() == Some(ServerRole::Standalone);
        (!is_alone && myids.all(|myid| myid == first)).then_some(first)
    };
    let myid = only(one).filter(|myid| only(other) == Some(*myid))?;
    Some(format!("both have the myid {myid}"))
}

fn judge_members(servers: &[ServerMeasurement], findings: &mut Vec<DoctorFinding>) {
    if let Some(members) = members(servers) {
        if members.all() > servers.len() as u64 {
            findings.push(
                DoctorFinding::of(DoctorCode::ServersUnlisted, "")
                    .with("members", members.all())
                    .with("given", servers.len())
                    // Its addresses may well be all of them; that it is one name for several servers is told elsewhere.
                    .hint_if(matches!(servers, [one] if one.addresses.len() > 1)),
            );
        }
        if members.voters > 1 && members.voters.is_multiple_of(2) {
            findings.push(
                DoctorFinding::of(DoctorCode::MembersEven, "")
                    .with("voters", members.voters)
                    .with("fewer", members.voters - 1),
            );
        }
    }
    if let [server] = servers
        && server.role() == Some(ServerRole::Standalone)
    {
        findings.push(DoctorFinding::of(DoctorCode::SingleServer, &server.server));
    }
}

fn judge_versions(servers: &[ServerMeasurement], findings: &mut Vec<DoctorFinding>) {
    let mut by_version: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (server, address) in answering(servers) {
        if let Some(version) = address.version() {
            by_version.entry(version).or_default().push(server.server.to_string());
        }
    }
    let mut versions = by_version.iter();
    match (versions.next(), by_version.len()) {
        (Some((version, _)), 1) => {
            findings.push(DoctorFinding::of(DoctorCode::VersionsEqual, "").with("version", *version));
        }
        (Some(_), _) => {
            let listed = by_version.iter().map(|(version, names)| format!("{version} on {}", names.join(" ")));
            let listed = listed.collect::<Vec<_>>().join("; ");
            findings.push(DoctorFinding::of(DoctorCode::VersionsMixed, "").with("versions", listed));
        }
        (None, _) => {}
    }
}

/// The highest zxid that another server than this one showed long enough before.
fn shown_before(servers: &[ServerMeasurement], than: &AddressMeasurement, asked: Duration) -> Option<Zxid> {
    // Other addresses of the same name count too: they may be other servers.
    let others = servers.iter().flat_map(|server| &server.addresses).filter(|other| other.address != than.address);
    let early = others.flat_map(|other| &other.sightings).filter(|sighting| sighting.answered + MARGIN <= asked);
    // A leader shows its new epoch at once, as a zxid that counts no transaction; others show theirs until the next write.
    early.filter_map(|sighting| sighting.zxid).filter(|zxid| counter(*zxid) > 0).max()
}

fn judge_steps(servers: &[ServerMeasurement], findings: &mut Vec<DoctorFinding>) {
    let (before, mut newest) = (findings.len(), None);
    for (server, address) in answering(servers).filter(|(_, address)| address.serves()) {
        let Some(last) = address.sightings.last() else { continue };
        let Some(zxid) = last.zxid else { continue };
        newest = newest.max(Some(zxid));
        // Only what another server had shown before this one was asked is something that it lacks.
        if let Some(shown) = shown_before(servers, address, last.asked).filter(|shown| *shown > zxid) {
            let behind = if epoch(shown) == epoch(zxid) {
                counter(shown).saturating_sub(counter(zxid)).to_string()
            } else {
                format!(
                    "epoch {} and {} of epoch {}, so an unknown number of",
                    epoch(zxid),
                    counter(shown),
                    epoch(shown)
                )
            };
            findings.push(
                DoctorFinding::of(DoctorCode::ServerBehind, &server.server)
                    .with("address", address.address.to_string())
                    .with("behind", behind),
            );
        }
        if let (Some(followers), Some(synced)) = (address.details.followers, address.details.synced_followers)
            && let Some(members) = address.members
            // Observers are among the followers that a leader counts, and not among those that it calls in step.
            && synced + members.observers < followers
        {
            findings.push(
                DoctorFinding::of(DoctorCode::FollowersOutOfStep, &server.server)
                    .with("leader", server.server.to_string())
                    .with("followers", followers)
                    .with("synced", synced),
            );
        }
    }
    if let Some(zxid) = newest.filter(|_| findings.len() == before && servers.len() > 1) {
        findings.push(DoctorFinding::of(DoctorCode::ServersInStep, "").with("zxid", zxid.to_string()));
    }
}

fn judge_words(servers: &[ServerMeasurement], findings: &mut Vec<DoctorFinding>) {
    let (mut all, mut told) = (true, false);
    for (server, address) in answering(servers).filter(|(_, address)| address.last.health == ServerHealth::Serving) {
        // What knows `ruok` alone was not asked for more.
        if address.sightings.is_empty() && address.refused.is_empty() {
            continue;
        }
        told = true;
        let refused: Vec<&str> = WORDS.into_iter().filter(|word| address.refused.contains(word)).collect();
        if refused.is_empty() {
            continue;
        }
        all = false;
        if refused.contains(&"srvr") {
            findings.push(DoctorFinding::of(DoctorCode::SrvrRefused, &server.server));
        }
        let others: Vec<&str> = refused.into_iter().filter(|word| *word != "srvr").collect();
        if !others.is_empty() {
            findings.push(DoctorFinding::of(DoctorCode::WordsRefused, &server.server).with("words", others.join(", ")));
        }
    }
    if told && all {
        findings.push(DoctorFinding::of(DoctorCode::WordsAllowed, ""));
    }
}

fn judge_bounds(servers: &[ServerMeasurement], findings: &mut Vec<DoctorFinding>) {
    let mut by_bounds: BTreeMap<(u64, u64, u64), Vec<String>> = BTreeMap::new();
    for (server, address) in answering(servers) {
        let details = &address.details;
        if let (Some(min), Some(max), Some(tick)) =
            (details.min_session_timeout_ms, details.max_session_timeout_ms, details.tick_ms)
        {
            by_bounds.entry((min, max, tick)).or_default().push(server.server.to_string());
        }
    }
    let mut bounds = by_bounds.iter();
    match (bounds.next(), by_bounds.len()) {
        (Some(((min, max, tick), _)), 1) => findings.push(
            DoctorFinding::of(DoctorCode::TimeoutBoundsEqual, "")
                .with("min_ms", *min)
                .with("max_ms", *max)
                .with("tick_ms", *tick),
        ),
        (Some(_), _) => {
            let listed = by_bounds.iter().map(|((min, max, tick), names)| {
                format!("{min} to {max} ms with ticks of {tick} ms on {}", names.join(" "))
            });
            let listed = listed.collect::<Vec<_>>().join("; ");
            findings.push(DoctorFinding::of(DoctorCode::TimeoutBoundsDiffer, "").with("bounds", listed));
        }
        (None, _) => {}
    }
}
