//! What is known of the servers: how they were seen last, who leads, how many connections each carries, and
//! whether they are dropping everybody just now.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::exodus::{EXODUS_LONGEST, Exodus, Fate};
use crate::ids::{ConnectionId, ServerId, SessionId, Zxid};
use crate::session::sighting::{Health, NameSign, Role, Sighting};
use crate::time::Timestamp;

/// How long before an end a server may have been seen not serving for that to explain the end. A server says so
/// before it closes its connections (`Learner.shutdown`); the prober looks once a second.
pub(super) const LOOK_BACK: Duration = Duration::from_millis(1_500);

/// Pause between two questions about one server: a burst of ends is one occasion.
const INQUIRY_PAUSE: Duration = Duration::from_millis(100);

/// One look at a server.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    /// Since when the server has been held by connections for questions without a break.
    pub(super) connected_at: Timestamp,
    pub(super) asked_at: Timestamp,
    /// When the answer came, or was given up.
    pub(super) told_at: Timestamp,
    pub(super) sighting: Sighting,
}

impl Look {
    /// Whether it shows a server that serves nobody. A probe that is closed without an answer does not: a server
    /// with too many connections does that too.
    pub(super) fn is_down(&self) -> bool {
        use Health::{Mute, NotServing, Refusing, Unreachable};
        matches!(self.sighting.health, NotServing | Refusing | Mute | Unreachable)
    }

    /// Whether it shows the server down at that moment or later: one that says nothing is mute as long as it is asked.
    pub(super) fn is_down_since(&self, moment: Timestamp) -> bool {
        self.is_down() && moment <= self.shows_until()
    }

    /// The last moment of which it tells.
    pub(super) fn shows_until(&self) -> Timestamp {
        let said_nothing = matches!(self.sighting.health, Health::Mute | Health::Unreachable);
        if said_nothing { self.told_at } else { self.asked_at }
    }

    pub(super) fn is_serving(&self) -> bool {
        self.sighting.health == Health::Serving
    }

    pub(super) fn leads(&self) -> bool {
        self.is_serving() && self.sighting.role == Role::Leader
    }
}

/// The election count in a zxid: every new leader raises it (`ZxidUtils.getEpochFromZxid`).
fn epoch(zxid: Zxid) -> i64 {
    zxid.0 >> 32
}

/// What shows that two looks in a row, both at a server that served, were at two servers.
fn cannot_be_one(before: &Look, look: &Look) -> Option<NameSign> {
    // Held without a break since the look before: the same process all the time, if it is one.
    let held = look.connected_at <= before.told_at && look.asked_at >= before.told_at;
    if !held || !before.is_serving() || !look.is_serving() {
        return None;
    }
    // Both must have told a zxid: without numbers nothing can go back.
    let (was, is) = (before.sighting.zxid?, look.sighting.zxid?);
    // A follower that leads without a new election cannot be: a higher epoch must come first.
    let followed = matches!(before.sighting.role, Role::Follower | Role::Observer);
    if followed && look.leads() && epoch(is) <= epoch(was) {
        return Some(NameSign::LedOneEpoch { zxid: is });
    }
    (is < was).then_some(NameSign::ZxidWentBack { before: was, after: is })
}

#[derive(Debug, Default)]
pub(super) struct ServerView {
    /// Open connections that have been given a session.
    pub(super) attached: u32,
    pub(super) last: Option<Look>,
    /// The look before the last.
    pub(super) previous: Option<Look>,
    /// The last look that showed it down.
    pub(super) down: Option<Look>,
    /// The last look that got no answer, whatever was seen since.
    pub(super) mute: Option<Look>,
    /// When it answered for the first time after that look.
    answered_again_at: Option<Timestamp>,
    pub(super) exodus: Option<Exodus>,
    /// When it began to leave last, as an exodus has shown, and what that showed.
    pub(super) departed: Option<(Timestamp, Fate)>,
    /// Ended before their claim was answered; they wait for a look at this server.
    pub(super) unanswered: Vec<ConnectionId>,
    /// Whether the session that it gave last has a password of the server's own making.
    pub(super) own_passwords: bool,
    /// Whether its name stands for several servers.
    pub(super) many: bool,
    /// The server that new sessions were born on here.
    born_on: Option<u8>,
    told_role: Option<Role>,
    inquired_at: Option<Timestamp>,
    queued: bool,
}

impl ServerView {
    /// Its role, as it told last; a look that shows it down tells none.
    pub(super) fn role(&self) -> Role {
        self.told_role.unwrap_or(Role::Unknown)
    }

    /// A look that was begun at that moment or later and showed it serving, in a role: a server that does not allow
    /// the question says so whether it serves or not (`NIOServerCnxn.checkFourLetterWord`).
    pub(super) fn serving_since(&self, moment: Timestamp) -> Option<Look> {
        let told = |look: &Look| look.is_serving() && look.sighting.role != Role::Unknown;
        self.last.filter(|look| look.asked_at >= moment && told(look))
    }

    /// Whether the last look, which has just come, tells why a claim of that time was not answered: it shows the
    /// server down, or was begun after the end. The question to a mute one stood for a second.
    pub(super) fn tells_about(&self, claimed_at: Timestamp, ended_at: Timestamp) -> bool {
        self.last.is_some_and(|look| {
            let stood = if look.sighting.health == Health::Mute { LOOK_BACK } else { Duration::ZERO };
            look.asked_at >= ended_at || (look.is_down() && look.asked_at.after(stood) >= claimed_at)
        })
    }

    /// A look that got no answer shortly before that moment, or later, when the server has not answered in between.
    pub(super) fn silent_at(&self, moment: Timestamp) -> Option<Look> {
        let answered_before = self.answered_again_at.is_some_and(|at| at < moment);
        self.mute.filter(|look| !answered_before && look.shows_until().after(LOOK_BACK) >= moment)
    }

    /// A look that was begun not long before that moment, or later, and showed it down.
    pub(super) fn down_around(&self, moment: Timestamp) -> Option<Look> {
        self.down.filter(|look| look.asked_at.after(LOOK_BACK) >= moment)
    }
}

/// All servers that were ever named.
#[derive(Debug, Default)]
pub(super) struct Ensemble {
    servers: BTreeMap<ServerId, ServerView>,
    /// Who was seen leading last, and when that was asked.
    leader: Option<(ServerId, Timestamp)>,
    /// Highest election count seen, and when it was last confirmed; None before the first.
    epoch: Option<(i64, Timestamp)>,
    /// When an exodus began that was found to be a lost leader's.
    leader_lost_at: Option<Timestamp>,
    /// At most one entry a server.
    inquiries: VecDeque<ServerId>,
}

impl Ensemble {
    pub(super) fn get(&self, server: ServerId) -> Option<&ServerView> {
        self.servers.get(&server)
    }

    pub(super) fn view(&mut self, server: ServerId) -> &mut ServerView {
        self.servers.entry(server).or_default()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (ServerId, &ServerView)> {
        self.servers.iter().map(|(server, view)| (*server, view))
    }

    pub(super) fn leader(&self) -> Option<ServerId> {
        self.leader.map(|(leader, _)| leader)
    }

    /// As [`leader`](Self::leader), with the moment when that was asked.
    pub(super) fn leader_seen(&self) -> Option<(ServerId, Timestamp)> {
        self.leader
    }

    pub(super) fn epoch(&self) -> Option<(i64, Timestamp)> {
        self.epoch
    }

    /// Gives every exodus so much longer: zoogate itself stood still.
    pub(super) fn allow_exoduses(&mut self, more: Duration) {
        for exodus in self.servers.values_mut().filter_map(|view| view.exodus.as_mut()) {
            exodus.allow(more);
        }
    }

    /// The servers with an exodus.
    pub(super) fn with_exodus(&self) -> Vec<ServerId> {
        self.iter().filter(|(_, view)| view.exodus.is_some()).map(|(server, _)| server).collect()
    }

    /// The servers whose exodus is to be looked at now.
    pub(super) fn due_exodus(&self, now: Timestamp) -> Vec<ServerId> {
        let due = |view: &ServerView| view.exodus.as_ref().is_some_and(|exodus| exodus.is_due(now));
        self.iter().filter(|(_, view)| due(view)).map(|(server, _)| server).collect()
    }

    pub(super) fn lost_leader(&mut self, at: Timestamp) {
        self.leader_lost_at = Some(at);
    }

    /// Whether a leader was lost at about that moment.
    pub(super) fn leader_lost_around(&self, moment: Timestamp) -> bool {
        self.leader_lost_at.is_some_and(|at| at.after(EXODUS_LONGEST) >= moment && moment.after(EXODUS_LONGEST) >= at)
    }

    /// Takes note of a look. Returns what it shows when the name turns out to stand for several servers.
    pub(super) fn saw(&mut self, server: ServerId, look: Look) -> Option<NameSign> {
        let view = self.view(server);
        let sign =
            view.last.and_then(|last| cannot_be_one(&last, &look)).filter(|_| !std::mem::replace(&mut view.many, true));
        view.previous = view.last.replace(look);
        if look.sighting.role != Role::Unknown {
            view.told_role = Some(look.sighting.role);
        }
        if look.is_down() {
            view.down = Some(look);
        }
        if look.sighting.health == Health::Mute {
            view.mute = Some(look);
            view.answered_again_at = None;
        } else if look.sighting.health != Health::Unreachable {
            view.answered_again_at = view.answered_again_at.or(Some(look.told_at));
        }
        if look.leads() {
            self.leader = Some((server, look.asked_at));
        }
        if look.is_serving() {
            // The highest one stays, for a server that lags shows an older epoch although a newer one has begun.
            self.epoch = self.epoch.max(look.sighting.zxid.map(|zxid| (epoch(zxid), look.asked_at)));
        }
        sign
    }

    /// Takes note of where a new session was born, as its id says. Returns what that shows, as [`Ensemble::saw`] does.
    pub(super) fn gave_birth(&mut self, server: ServerId, session: SessionId) -> Option<NameSign> {
        let view = self.view(server);
        let other = session.born_on();
        let one = view.born_on.replace(other).filter(|one| *one != other)?;
        (!std::mem::replace(&mut view.many, true)).then_some(NameSign::TwoBirthplaces { one, other })
    }

    /// Asks for a look at a server, unless that was done just now.
    pub(super) fn inquire(&mut self, server: ServerId, now: Timestamp) {
        let view = self.servers.entry(server).or_default();
        // A storm of ends asks thousands of times; one question answers all of them.
        let recent = view.inquired_at.is_some_and(|at| now.since(at) < INQUIRY_PAUSE);
        if !view.queued && !recent {
            view.queued = true;
            view.inquired_at = Some(now);
            self.inquiries.push_back(server);
        }
    }

    /// Asks about a server and whoever leads it; about all when no leader is known.
    pub(super) fn inquire_around(&mut self, server: ServerId, now: Timestamp) {
        self.inquire(server, now);
        match self.leader() {
            Some(leader) => self.inquire(leader, now),
            None => {
                for other in self.servers.keys().copied().collect::<Vec<_>>() {
                    self.inquire(other, now);
                }
            }
        }
    }

    pub(super) fn poll_inquiry(&mut self) -> Option<ServerId> {
        let server = self.inquiries.pop_front()?;
        self.view(server).queued = false;
        Some(server)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ServerId = ServerId(0);
    const B: ServerId = ServerId(1);

    fn asked(ensemble: &mut Ensemble) -> Vec<ServerId> {
        std::iter::from_fn(|| ensemble.poll_inquiry()).collect()
    }

    #[test]
    fn a_burst_of_ends_is_one_occasion_to_ask() {
        let mut ensemble = Ensemble::default();
        let start = Timestamp(1_000_000);
        ensemble.inquire(A, start);
        ensemble.inquire(A, start.after(INQUIRY_PAUSE));
        assert_eq!(asked(&mut ensemble), [A], "the first was still to be asked");
        ensemble.inquire(A, Timestamp(start.after(INQUIRY_PAUSE).0 - 1));
        assert_eq!(asked(&mut ensemble), []);
        ensemble.inquire(A, start.after(INQUIRY_PAUSE));
        assert_eq!(asked(&mut ensemble), [A]);
    }

    #[test]
    fn the_leader_is_asked_too_and_all_where_none_is_known() {
        let mut ensemble = Ensemble::default();
        let (c, now) = (ServerId(2), Timestamp(1));
        for server in [A, B, c] {
            ensemble.view(server);
        }
        ensemble.inquire_around(B, now);
        assert_eq!(asked(&mut ensemble), [B, A, c]);
        let sighting = Sighting { health: Health::Serving, role: Role::Leader, zxid: None };
        ensemble.saw(c, Look { connected_at: now, asked_at: now, told_at: now, sighting });
        ensemble.inquire_around(B, now.after(INQUIRY_PAUSE));
        assert_eq!(asked(&mut ensemble), [B, c]);
    }
}
