//! What each code means: its mark, its sentence, why it matters, what it can cause, and what to change.

use super::code::{DoctorArea, DoctorCode, DoctorMark};
use super::code_entry::CodeEntry;

/// The setting of findings that are about a setting.
pub(super) const ITSELF: &str = "the setting itself";

macro_rules! code_table {
    ($($code:ident $area:ident $mark:ident $sentence:literal: $why:literal
        $(causes $consequence:literal)? $(change $change:literal)? $(by $setting:literal)?
        $(hint $hint:literal)?;)*) => {
        /// What is to be known of this code.
        pub(super) fn entry(code: DoctorCode) -> CodeEntry {
            match code {
                $(DoctorCode::$code => CodeEntry {
                    area: DoctorArea::$area,
                    mark: DoctorMark::$mark,
                    sentence: $sentence,
                    why: $why,
                    consequence: code_table!(@option $($consequence)?),
                    change: code_table!(@option $($change)?),
                    setting: code_table!(@option $($setting)?),
                    hint_where: code_table!(@option $($hint)?),
                },)*
            }
        }
    };
    (@option $text:literal) => { Some($text) };
    (@option) => { None };
}

code_table! {
    NamesResolve Network Ok "{names|name has|names have} {addresses|address|addresses}; the slowest look-up took {took_ms} ms":
        "clients look names up at every connect";
    NameUnresolved Network Problem "the name cannot be resolved: {error}":
        "nobody can connect to a name without an address"
        causes "the server is as good as down for every client that looks its name up now"
        change "correct the name, or add it to DNS or /etc/hosts" by "servers";
    NameSlow Network Warning "the look-up of the name took {took_ms} ms":
        "a client looks names up inside of the time that it has for a connection"
        causes "reconnects that take seconds, and sessions that expire while names are looked up"
        change "find out why DNS is slow: a resolver that is down, or search domains that are tried one by one"
        by "/etc/resolv.conf";
    ServersAnswer Network Ok "{servers|server|servers} answered all that was asked: {tries|question|questions}":
        "a server that answers a four-letter word runs and has connections to give";
    ServerRefuses Network Problem "{address} refuses connections: {failures} of {tries|attempt|attempts} failed":
        "the machine is there and nothing listens on the port: the server is down, or listens elsewhere"
        causes "one server fewer for the quorum; clients lose a moment at each attempt"
        change "start the server, or correct the port or the address that it listens on" by "clientPort, clientPortAddress";
    ServerOutOfReach Network Problem "{address} cannot be reached: {failures} of {tries|attempt|attempts} failed":
        "nothing comes back: the machine is down, or a firewall drops what is sent to it"
        causes "clients wait for the whole share of their timeout at each attempt"
        change "check the machine, routes and firewalls between here and the server";
    ServerUnanswering Network Problem "{address} accepts connections and answers nothing: {failures} of {tries|attempt|attempts} failed":
        "a process that stands still: its kernel goes on accepting connections in its name"
        causes "clients that come to it lose up to two thirds of their session timeout, and some of them their session"
        change "look at the server's process: stopped, swapped out, in a long garbage collection, or waiting for a disk";
    ServerHangsUp Network Problem "{address} closes connections without an answer: {failures} of {tries|attempt|attempts} failed":
        "the server has no more connections to give to this address, it just starts, or the port expects TLS"
        causes "clients behind this address are turned away"
        change "allow more connections from one address, or name the port for plain clients" by "maxClientCnxns"
        hint "if a client that speaks TLS connects there";
    AnswerStrange Network Problem "{address} answers, but not as a ZooKeeper does":
        "another program has the port"
        causes "clients that connect there get no session"
        change "correct the address" by "servers";
    AnswerTls Network Problem "{address} speaks TLS":
        "the port is the ensemble's secure one, which takes no plain clients and no four-letter words"
        causes "plain clients cannot connect, and zoogate cannot see what passes"
        change "name the plain port" by "clientPort"
        hint "if a client that speaks TLS connects there";
    ServerUnsteady Network Warning "{address} answers, but {failures} of {tries|attempt|attempts} failed":
        "attempts that fail now and then do so for clients as well"
        causes "reconnects that take longer, and moves of sessions"
        change "run this again for longer (--for 60s), and look at the server's log and at the path at the times of failures";
    AddressFailing Network Warning "{address} fails, while another address of the name answers ({state})":
        "clients take the addresses of a name in any order"
        causes "every second attempt of a client may wait in vain"
        change "take the address out of DNS or /etc/hosts, or have the server listen there" by "clientPortAddress"
        hint "if it refuses or has no way, and another address of the name serves";
    PathsQuick Network Ok
        "connects take {connect_ms} ms (at most {connect_worst_ms}), answers {answer_ms} ms (at most {answer_worst_ms})":
        "timeouts of clients have to leave room for both";
    ConnectSlow Network Warning "connects to {address} take {median_ms} ms, at most {worst_ms} ms":
        "a connect of a second or more is one whose first packet was lost; one that always takes long has a long way to go"
        causes "reconnects that take longer, and a short share of the timeout used up"
        change "look at the network between here and the server: losses, routes, a full queue of connects";
    AnswerSlow Network Warning "{address} answers in {median_ms} ms, at most {worst_ms} ms":
        "what is asked needs no disk and no other server: one that is slow at it is slow at everything"
        causes "heartbeats that come late, and clients that give the server up"
        change "look at the server's machine: garbage collection, CPU, swap";

    QuorumStands Ensemble Ok "{serving} of {members|server|servers} in service":
        "more than half of the voting members must run";
    NoQuorum Ensemble Problem "{serving} of {members|server|servers} in service: there is no quorum":
        "only more than half of the voting members can elect a leader and write"
        causes "no client gets a session, and those that have one lose it when it times out"
        change "bring servers back until more than half of them run and reach one another";
    QuorumAtEdge Ensemble Warning "{serving} of {members|server|servers} in service: with one fewer there is no quorum":
        "the ensemble works and bears no further failure"
        causes "the next restart or failure stops service for all clients"
        change "bring the missing servers back before anything else is restarted";
    ServerNotServing Ensemble Problem "{address} says that it does not serve":
        "the server runs and has no leader: it looks for one, or cannot reach the others"
        causes "it turns away every client"
        change "check the quorum and election ports between the servers, and read the server's log" by "server.N";
    ServerReadOnly Ensemble Problem "{address} serves reads only":
        "it has lost the quorum and answers from what it has, as it is configured to"
        causes "clients that allow it read old data; all others are turned away"
        change "bring the quorum back, or turn read-only mode off" by "readonlymode.enabled";
    OneLeader Ensemble Ok "{leader} leads, in epoch {epoch}":
        "all writes go through one leader";
    NoLeader Ensemble Problem "{serving|server serves and does not lead|servers serve and none of them leads}":
        "servers serve only under a leader: one that was not given leads them"
        causes "what is said here of lag and quorum is incomplete"
        change "give all servers of the ensemble" by "servers";
    SeveralLeaders Ensemble Problem "several servers lead: {leaders}":
        "an ensemble has one leader: these servers belong to several ensembles, or stand alone"
        causes "clients find different data, and lose their session, depending on where they connect"
        change "give the servers of one ensemble only, and list the same server.N lines in each of their configurations"
        by "servers, server.N";
    ServersDistinct Ensemble Ok "each of the {servers|name|names} is a server of its own":
        "zoogate and its clients count on it";
    ServerListedTwice Ensemble Problem "it is the same server as {other} ({shown_by})":
        "one server under two names is counted, probed and loaded as two"
        causes "an uneven load, and one failure that takes away what looks like two servers"
        change "give each server once" by "servers";
    NameOfManyServers Ensemble Problem "the name stands for several servers: {shown_by}":
        "nobody can tell which server a connection leads to: zoogate cannot bring a session back to its server"
        causes "sessions that move at each reconnect, and verdicts that cannot be certain"
        change "give each server under a name of its own" by "servers";
    ServersUnlisted Ensemble Warning "the ensemble has {members|member|members}, and {given|of them is|of them are} given":
        "what is not given is neither looked at nor used"
        causes "the others carry the whole load, and their failure stops clients though the ensemble runs"
        change "give all members" by "servers" hint "if one name is given that has several addresses";
    MembersEven Ensemble Hint "the ensemble has {voters|voting member|voting members}, and bears no more failures than with {fewer}":
        "more than half must run, so an even number bears as many failures as the odd one below it"
        causes "one more server that can fail and none that helps"
        change "take one voting member away, add one, or make one an observer" by "server.N";
    SingleServer Ensemble Hint "there is one server alone":
        "nothing takes over when it stops"
        causes "every restart of it stops all clients"
        change "run three servers or more" by "server.N";
    VersionsEqual Ensemble Ok "all run version {version}":
        "servers of one version behave alike";
    VersionsMixed Ensemble Warning "several versions run: {versions}":
        "servers of two versions differ in what they answer, such as to a session that has moved"
        causes "failures that depend on which server a client is on"
        change "finish the upgrade";
    ServersInStep Ensemble Ok "no server was behind: all showed zxid {zxid} or had what the others had shown before":
        "a server that is behind turns away clients that have seen more";
    ServerBehind Ensemble Problem "{address} is {behind|transaction|transactions} behind what another server showed a second before":
        "a client that has seen newer data is turned away there, and others read old data"
        causes "reconnects that fail at this server, and reads of old data"
        change "look at the path between this server and its leader, and at its disk" by "syncLimit, dataLogDir";
    FollowersOutOfStep Ensemble Warning "{leader} has {followers|follower|followers}, {synced} of them in step":
        "a follower that is still catching up does not count for the quorum"
        causes "a quorum that is thinner than it looks"
        change "wait for it to catch up; if it does not, look at its log, its disk and the path to the leader"
        by "initLimit, syncLimit";
    RequestsWaiting Ensemble Warning "{address} has {outstanding|request|requests} waiting":
        "requests come faster than they are answered; at 1000 a server stops reading from its clients"
        causes "latency for all clients of the server, heartbeats included"
        change "look at the disk of the transaction log and at the load" by "dataLogDir, globalOutstandingLimit";
    WordsAllowed Ensemble Ok "all servers allow srvr, mntr, conf and cons":
        "they tell what is needed to find the cause of a failure";
    WordsRefused Ensemble Hint "four-letter words that are not allowed: {words}":
        "bounds of timeouts and connections, and followers in step, cannot be looked at"
        causes "less is known when something fails, here and in zoogate"
        change "allow srvr, mntr, conf and cons" by "4lw.commands.whitelist";
    SrvrRefused Ensemble Problem "srvr is not allowed":
        "by this word zoogate sees whether a server serves, whether it leads, and how far it is"
        causes "zoogate cannot pass over a server that lags or has lost its leader"
        change "allow srvr at least" by "4lw.commands.whitelist";
    ConnectionsAllowed Ensemble Ok "the servers allow {limit|connection|connections} from one address, for {clients|client|clients} (0: no bound)":
        "behind zoogate all clients come from one address";
    ConnectionLimitLow Ensemble Problem "{address} allows {limit|connection|connections} from one address, for {clients|client|clients}":
        "behind zoogate all clients come from one address, and when other servers are down all come to this one"
        causes "clients beyond the limit are turned away just when other servers have failed"
        change "set it to 0 (no bound), or to more than all clients together" by "maxClientCnxns"
        hint "if neither --clients nor a running zoogate tells of that many clients";
    ConnectionLimitNear Ensemble Warning "one client address has {most} of {limit|connection|connections} that {address} allows it":
        "the next connections of this address are turned away"
        causes "clients, zoogate's probes or an operator's four-letter words that find no way in"
        change "raise the limit, or find out why the client has so many connections" by "maxClientCnxns";
    TimeoutBoundsEqual Ensemble Ok "all give session timeouts from {min_ms} to {max_ms} ms, with ticks of {tick_ms} ms":
        "each server bounds the timeouts of its clients by its own settings";
    TimeoutBoundsDiffer Ensemble Warning "bounds of session timeouts differ: {bounds}":
        "a session's timeout is bounded anew by each server that it comes to"
        causes "timeouts that change with a move: sessions that expire sooner than before"
        change "give all servers the same settings" by "tickTime, minSessionTimeout, maxSessionTimeout";

    ConnectStringGood Client Ok "{addresses|address|addresses}":
        "clients try one address after the other";
    ConnectStringMissing Client Problem "there is no connect string":
        "the client does not know where ZooKeeper is"
        causes "it does not start"
        change "set it" by "zookeeper.connect";
    ConnectStringInvalid Client Problem "part {part} of {parts} is no host:port":
        "the client cannot read its connect string"
        causes "it does not start, or leaves servers out"
        change "write host:port,host:port/chroot" by "zookeeper.connect";
    ChrootRepeated Client Problem "a chroot stands behind an address that is not the last":
        "the first slash begins the chroot: all that follows is taken for a path, addresses included"
        causes "the client knows the first server alone, and keeps its data at a path that nobody expects"
        change "write the chroot once, behind the last address" by "zookeeper.connect";
    ChrootInvalid Client Problem "the chroot is no path: {fault}":
        "ZooKeeper takes paths without empty parts, without dots alone, and without a slash at the end"
        causes "the client does not start"
        change "correct the chroot" by "zookeeper.connect";
    ChrootMissing Client Hint "there is no chroot":
        "the client keeps its nodes at the root, beside those of all others"
        causes "two clusters on one ensemble that write over each other"
        change "give each cluster a chroot of its own (for a cluster that runs, its data has to move along)"
        by "zookeeper.connect";
    AddressRepeated Client Warning "{address} is named {times|time|times}":
        "the time to connect is shared among the entries, and this one gets several shares"
        causes "a shorter time for each server, and an uneven load"
        change "name each address once" by "zookeeper.connect";
    SingleAddress Client Hint "there is one address only":
        "a Java client waits for one address as long as its whole session timeout, and pauses a second more at each return"
        causes "a session that expires at an address that accepts and does not answer; slower reconnects"
        change "name all servers, or several addresses of zoogate" by "zookeeper.connect";
    SessionTimeoutFits Client Ok "{timeout_ms} ms, {bounds}; {measured}":
        "a session ends when nothing was heard of its client for this time";
    SessionTimeoutRaised Client Warning "{timeout_ms} ms is asked for, and the servers give {min_ms} ms at least":
        "servers give no session timeout below their bound (two ticks, unless it is set) and say nothing about it"
        causes "dead clients that are noticed later than they were meant to be"
        change "ask for what is given, or lower the servers' bound" by "zookeeper.session.timeout.ms, minSessionTimeout";
    SessionTimeoutCut Client Warning "{timeout_ms} ms is asked for, and the servers give {max_ms} ms at most":
        "servers give no session timeout above their bound (20 ticks, unless it is set) and say nothing about it"
        causes "sessions that expire in pauses which the client was meant to survive"
        change "ask for what is given, or raise the servers' bound" by "zookeeper.session.timeout.ms, maxSessionTimeout";
    SessionTimeoutTooShort Client Problem
        "a third of {timeout_ms} ms is {third_ms} ms, and a connect with its answer took up to {worst_ms} ms":
        "a client sends a heartbeat after a third of the timeout, and gives the server up when another third brings no answer"
        causes "clients that give up servers which work, and sessions that expire"
        change "raise the timeout, or shorten the path" by "zookeeper.session.timeout.ms";
    SessionTimeoutTight Client Warning "{timeout_ms} ms leaves a client {third_ms} ms for an answer":
        "an election, a restart of a server or a garbage collection takes seconds"
        causes "sessions that expire where nothing but a pause has happened"
        change "set 6 s at least; Kafka's default is 18 s" by "zookeeper.session.timeout.ms";
    SessionTimeoutLong Client Warning "{timeout_ms} ms":
        "for as long as this nobody notices that a client is dead"
        causes "leaders, locks and brokers that stay registered for minutes after they have died"
        change "set 60 s at most" by "zookeeper.session.timeout.ms";
    ConnectionTimeoutShort Client Warning
        "{timeout_ms} ms for the first connection, and one address may take {share_ms} ms of it":
        "the client starts only if it is connected within this time, and one server that does not answer uses up a share"
        causes "brokers that do not start while one server is frozen"
        change "leave it unset, or set it to the session timeout at least" by "zookeeper.connection.timeout.ms";
    ConnectShareShort Client Warning
        "{share_ms} ms per address, with {addresses|address|addresses}; {measured}":
        "a Java client shares its session timeout among the addresses, and waits for none of them longer"
        causes "clients that give up every server before it can answer"
        change "name fewer addresses, or raise the timeout" by "zookeeper.connect, zookeeper.session.timeout.ms"
        hint "if three times as long as what was measured fits in";
    TlsToPlainPort Client Warning "TLS is on, and {address} answers without TLS":
        "such a port speaks TLS as well only where its server takes both at one (client.portUnification)"
        causes "the client cannot connect where it does not"
        change "name the secure ports, or turn TLS off" by "zookeeper.ssl.client.enable, secureClientPort";
    TlsHidesTraffic Client Hint "TLS is on":
        "zoogate forwards TLS as it comes and cannot look into it"
        causes "no session is seen, and a claim cannot be brought back to its server"
        change "let clients speak without TLS on a protected network, or use mirrored listeners"
        by "zookeeper.ssl.client.enable";
    TlsWithoutNetty Client Problem "TLS is on without the socket class that can do it":
        "only ClientCnxnSocketNetty speaks TLS"
        causes "the broker does not connect, or connects without TLS"
        change "set it to org.apache.zookeeper.ClientCnxnSocketNetty" by "zookeeper.clientCnxnSocket";
    TlsSettingsUnused Client Warning "{settings|TLS setting is|TLS settings are} given, and TLS is off":
        "they do nothing"
        causes "traffic in the clear that somebody takes for encrypted"
        change "turn TLS on, or remove them" by "zookeeper.ssl.client.enable";
    AclWithoutLogin Client Problem "ACLs are wanted, and {login}":
        "a broker can protect its nodes only if ZooKeeper knows who it is: by SASL (a JAAS file) or by a TLS certificate"
        causes "the broker does not start"
        change "name a JAAS file with a Client section in KAFKA_OPTS (-Djava.security.auth.login.config=…), or turn ACLs off"
        by "zookeeper.set.acl, KAFKA_OPTS" hint "if KAFKA_OPTS is not known";
    InFlightUnusual Client Warning "{requests|request|requests} may be in flight":
        "one at a time makes a controller slow; a server stops reading from its clients at 1000 of all of them"
        causes "controller failovers that take minutes, or latency for all"
        change "leave it at 10" by "zookeeper.max.in.flight.requests";
    BufferSmall Client Problem "the client takes {buffer|byte|bytes}, and servers send replies of a MiB and more":
        "a client closes the connection when a reply is longer than jute.maxbuffer"
        causes "the same request that fails again and again, and a session that goes from server to server"
        change "leave it unset (Kafka takes 4 MiB), or set 1048575 at least" by "jute.maxbuffer";
    BufferLarge Client Hint "the client may send {buffer|byte|bytes}, and servers take 1048575 unless they are told otherwise":
        "a server closes the connection when a request is longer than its own jute.maxbuffer"
        causes "the same request that fails again and again, and a session that goes from server to server"
        change "leave it unset, or at 4194304 at most" by "jute.maxbuffer";
    MigrationOn Client Hint "the migration to KRaft is on":
        "for its time both ZooKeeper and the KRaft controllers hold the metadata, and /controller is no ephemeral node"
        causes "a controller that zoogate shows as held by nobody; no way back once the migration is finalized"
        change "turn it off when the migration is done" by "zookeeper.metadata.migration.enable";
    MigrationIncomplete Client Problem "the migration to KRaft is on, and {missing} is missing":
        "a broker in migration must know the KRaft controllers"
        causes "the broker does not start"
        change "set it" by "controller.quorum.voters, controller.listener.names";
    KraftOnly Client Warning "it is the configuration of a node in KRaft mode":
        "such a node does not use ZooKeeper"
        causes "nothing that zoogate could carry"
        change "give the configuration of a broker with zookeeper.connect" by "process.roles";
    SettingUnreadable Client Problem "its value is no {expected}":
        "the client cannot read it"
        causes "the client does not start"
        change "correct the value" by "the setting itself";
    SettingUnknown Client Warning "no Kafka 3.9 knows it":
        "Kafka passes over settings that it does not know"
        causes "a default where something else was meant"
        change "correct the name, or remove it" by "the setting itself";
    SettingRepeated Client Warning "it is given {times|time|times}":
        "the last one holds"
        causes "a value other than the one that is read first"
        change "give it once" by "the setting itself";
    SettingsGood Client Ok "{settings|setting for ZooKeeper was|settings for ZooKeeper were} read":
        "a client tells nobody what its settings cost";

    ZoogateServes Zoogate Ok "it finds {servers|server, which serves|servers, all of which serve}, and carries {sessions|session|sessions}":
        "this is what it sees now";
    ZoogateServersDiffer Zoogate Warning "zoogate has {servers|server|servers}, and {given|is|are} given here":
        "what is judged here is not what zoogate uses"
        causes "findings that do not hold for zoogate"
        change "give zoogate and the doctor the same servers" by "servers";
    ZoogateServerDown Zoogate Problem "zoogate finds it {state}":
        "zoogate passes over it"
        causes "one server fewer for clients"
        change "see what is said of this server above, and `zoogate ensemble`";
    ClientsBypass Zoogate Hint "{connections|connection to it does|connections to it do} not come through zoogate":
        "zoogate knows nothing of them"
        causes "moves and refusals whose other half is not seen"
        change "give these clients zoogate's address" by "zookeeper.connect";
    PathLossy Zoogate Warning "{segments|segment was|segments were} sent again on the way to it":
        "the kernel of zoogate's machine counts what was lost"
        causes "requests that take 200 ms and more"
        change "look at the network between zoogate and the server";
    SessionsCut Zoogate Warning "{sessions|session has|sessions have} a shorter timeout than was asked for, such as {granted_ms} ms for {asked_ms}":
        "servers cut what is above their bound (20 ticks, unless it is set) and say nothing about it"
        causes "sessions that expire in pauses which the client was meant to survive"
        change "ask for what is given, or raise the servers' bound" by "maxSessionTimeout";
    IncidentsSeen Zoogate Warning "{incidents|incident is|incidents are} open or of the last hour; the most frequent cause is {cause}":
        "they were seen in the traffic"
        causes "what each of them says"
        change "see `zoogate incidents`";
    NoIncidents Zoogate Ok "no incident is open or of the last hour":
        "nothing has failed in the traffic";
    RisksStand Zoogate Warning "{risks|risk of this kind stands|risks of this kind stand}; the newest: {newest}":
        "each of them is told while something can still be done"
        causes "what the risk says: a session, or the ephemeral nodes that it owns, is lost"
        change "see `zoogate risks`, which says of each what to do, and when it is too late";
    HeartbeatExceeded Zoogate Problem
        "{sessions|connection is|connections are} silent for more than half of what is borne; of {holder}, the {side} for {silent_ms} of {borne_ms} ms":
        "a client sends a heartbeat after a third of its timeout, and servers answer it at once"
        causes "sessions that expire, with all their ephemeral nodes, or clients that change their server"
        change "look at that side now: garbage collection, CPU limits, a suspended machine, a disk that hangs";
    NoRisks Zoogate Ok "no session is at risk":
        "no side of a connection is silent for long, and no node of an older session is in the way";
    TimeoutTooShortHere Zoogate Warning
        "{sessions|session has|sessions have} a timeout of {timeout_ms} ms, which does not bear {exceeded} of {outages|outage that was|outages that were} seen, the longest {longest_ms} ms; {remedy}":
        "most clients give a server up after two thirds of the timeout, and servers expire a session after all of it"
        causes "sessions that expire in the next such outage"
        change "raise the session timeout, or make the outages shorter" by "zookeeper.session.timeout.ms";
    TimeoutNeedlesslyLong Zoogate Hint
        "{sessions|session has|sessions have} a timeout of {timeout_ms} ms, and the longest outage that was seen took {longest_ms} ms":
        "a client that is dead keeps its ephemeral nodes until its session expires"
        causes "brokers and locks that are missed late"
        change "lower the session timeout, if failovers take too long" by "zookeeper.session.timeout.ms";
    RequestsSlow Zoogate Warning "{class} requests took {p99_ms} ms (p99 of ten seconds), {ago_s} s ago":
        "a client waits for its heartbeat behind slow requests, and a controller does one thing after the other"
        causes "slow failovers, and sessions that are lost when it grows worse"
        change "look at the server's disk (a device of its own for the transaction log), its memory and its garbage collection"
        by "dataLogDir";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_in_order_says_what_it_can_cause_and_what_to_change() {
        for code in DoctorCode::ALL {
            let is_ok = code.mark() == DoctorMark::Ok;
            let says = code.consequence().is_some() && code.change().is_some();
            assert_eq!(says, !is_ok, "{}", code.label());
            assert!(!code.why().is_empty() && !code.sentence().is_empty());
            assert!(!is_ok || code.setting().is_none(), "{}", code.label());
            assert!(code.mark().counts() || code.hint_where().is_none(), "{}", code.label());
        }
    }

    #[test]
    fn a_meaning_names_its_values() {
        let slow = DoctorCode::NameSlow.meaning();
        assert_eq!(slow, "the look-up of the name took TOOK ms");
        assert_eq!(DoctorCode::NoIncidents.meaning(), "no incident is open or of the last hour");
        assert!(DoctorCode::ALL.iter().all(|code| !code.meaning().contains(['{', '}'])));
    }

    #[test]
    fn codes_are_words_that_can_be_asked_for() {
        let mut words: Vec<&str> = DoctorCode::ALL.iter().map(|code| code.label()).collect();
        for word in &words {
            assert_eq!(word.parse::<DoctorCode>().map(DoctorCode::label), Ok(*word));
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), DoctorCode::ALL.len());
    }
}
