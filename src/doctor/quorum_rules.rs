//! Whether enough servers serve, and who leads.

use super::DoctorEvidence;
use super::address_measurement::{ServerMeasurement, answering};
use super::code::DoctorCode;
use super::finding::{DoctorFinding, FindingValue};
use super::network_rules::is_secure;
use super::server_lines::MemberCount;
use crate::ids::Zxid;
use crate::session::probe_result::{ServerHealth, ServerRole};

/// The members of the ensemble as its servers have them; the most, where they differ.
pub(super) fn members(servers: &[ServerMeasurement]) -> Option<MemberCount> {
    answering(servers).filter_map(|(_, address)| address.members).max_by_key(|members| members.all())
}

/// The epoch of a zxid: its leader's number.
pub(super) fn epoch(zxid: Zxid) -> i64 {
    zxid.0 >> 32
}

/// The servers that serve in these roles.
fn in_role<'a>(servers: &'a [ServerMeasurement], roles: &[ServerRole]) -> Vec<&'a ServerMeasurement> {
    servers.iter().filter(|server| server.role().is_some_and(|role| roles.contains(&role))).collect()
}

pub(super) fn judge(evidence: &DoctorEvidence) -> Vec<DoctorFinding> {
    use ServerRole::{Follower, Leader, Observer, ReadOnly, Standalone};
    let servers = &evidence.servers;
    let mut findings = Vec::new();
    for (server, address) in answering(servers) {
        let of = |code| DoctorFinding::of(code, &server.server).with("address", address.address.to_string());
        if address.last.health == ServerHealth::NotServing {
            findings.push(of(DoctorCode::ServerNotServing));
        } else if address.last.role == ReadOnly {
            findings.push(of(DoctorCode::ServerReadOnly));
        }
    }
    let serving = in_role(servers, &[Leader, Follower, Observer, Standalone]).len();
    // A server that does not allow `srvr`, or is asked at a port for TLS, tells nothing of its role: it may serve.
    let tells_none = |server: &&ServerMeasurement| {
        server.role() == Some(ServerRole::Unknown) || is_secure(server, evidence.expects_tls(server))
    };
    let untold = servers.iter().filter(tells_none).count();
    let members = members(servers);
    // The configuration of a server before 3.5 does not tell its members.
    let total = members.map_or(servers.len() as u64, MemberCount::all).max(servers.len() as u64);
    let serve =
        if untold == 0 { FindingValue::from(serving) } else { format!("{serving} to {}", serving + untold).into() };
    let counted = |code| DoctorFinding::of(code, "").with("serving", serve.clone()).with("members", total);
    if serving > 0 {
        // A server serves as leader or follower only while a majority of voters does; observers add nothing to that.
        let voting = (in_role(servers, &[Leader, Follower]).len() + untold) as u64;
        // With a member that was not given, or not found, it is not known how many serve.
        let all_found = servers.iter().all(|server| server.lookup.failure.is_none());
        let at_edge = members.is_some_and(|members| {
            members.voters > 2 && members.all() <= servers.len() as u64 && voting <= members.needed()
        }) && all_found;
        findings.push(counted(if at_edge { DoctorCode::QuorumAtEdge } else { DoctorCode::QuorumStands }));
        judge_leaders(servers, serving, members, untold > 0, &mut findings);
    } else if untold == 0 && !servers.is_empty() {
        findings.push(counted(DoctorCode::NoQuorum));
    }
    findings
}

fn judge_leaders(
    servers: &[ServerMeasurement],
    serving: usize,
    members: Option<MemberCount>,
    is_untold: bool,
    findings: &mut Vec<DoctorFinding>,
) {
    let leaders = in_role(servers, &[ServerRole::Leader, ServerRole::Standalone]);
    match leaders.as_slice() {
        [] => {
            let has_unlisted = members.is_some_and(|members| members.all() > servers.len() as u64);
            // One that does not answer here may well lead.
            if !has_unlisted && !is_untold && answering(servers).count() == servers.len() {
                findings.push(DoctorFinding::of(DoctorCode::NoLeader, "").with("serving", serving));
            }
        }
        [leader] => {
            let zxid = leader.best().and_then(|best| best.last.zxid);
            let epoch = zxid.map_or("unknown".to_owned(), |zxid| epoch(zxid).to_string());
            findings.push(
                DoctorFinding::of(DoctorCode::OneLeader, &leader.server)
                    .with("leader", leader.server.to_string())
                    .with("epoch", epoch),
            );
        }
        several => {
            // One server under two names leads under both: that is told as what it is.
            let mut places: Vec<_> = several.iter().filter_map(|server| Some(server.best()?.address)).collect();
            places.sort_unstable();
            places.dedup();
            if places.len() > 1 {
                let names: Vec<String> = several.iter().map(|server| server.server.to_string()).collect();
                findings.push(DoctorFinding::of(DoctorCode::SeveralLeaders, "").with("leaders", names.join(", ")));
            }
        }
    }
}
