//! What shows that a session was refused because it had moved, in words.

use super::FactWording;
use super::phrases::relative;
use crate::session::event::MovedCodeLocation;
use crate::session::fact::MoveFact;

impl FactWording<'_> {
    pub(super) fn of_move(&self, fact: &MoveFact) -> String {
        let own = self.own();
        match fact {
            MoveFact::Said { form, request: asked } => {
                let place = match form {
                    MovedCodeLocation::Header => "in the header of a reply",
                    MovedCodeLocation::Multi => "as the first result of a multi",
                };
                let to = self.asked(asked.as_ref()).map_or_else(String::new, |asked| format!(" to {asked}"));
                format!("server {own} answered SESSIONMOVED (-118) {place}{to}")
            }
            MoveFact::Overtaken { request: asked, skipped, by_client } => {
                let what = self.asked(asked.as_ref()).unwrap_or_else(|| format!("{skipped} requests"));
                if *by_client {
                    format!(
                        "server {own} answered later requests but not {what}, and the client closed at the reply out \
                         of order"
                    )
                } else {
                    format!(
                        "server {own} answered later requests and closed without answering {what}: the close was \
                         overtaken by replies"
                    )
                }
            }
            MoveFact::ClosedUnanswered {} => format!("server {own} closed without a byte"),
            MoveFact::RivalClaim { client, server, connection, at, given: true } => format!(
                "server {} gave the session to {client} {} (connection {connection})",
                self.name(*server),
                relative(*at)
            ),
            MoveFact::RivalClaim { client, server, connection, at, given: false } => format!(
                "{client} claimed the session at server {} {} and got no answer (connection {connection})",
                self.name(*server),
                relative(*at)
            ),
            MoveFact::RivalThawed { server } => {
                format!("server {} serves again and carries out what it received meanwhile", self.name(*server))
            }
            MoveFact::RivalLeftBehind { server } => format!(
                "zoogate had given up that claim at server {} and asked another server: zoogate caused this refusal",
                self.name(*server)
            ),
            MoveFact::NoOtherClaim {} => {
                "missing: zoogate saw no other claim of this session; it may have bypassed zoogate".to_owned()
            }
            MoveFact::CloseUnseen {} => {
                "missing: the server's own close was not seen, because the client closed first".to_owned()
            }
            MoveFact::WasReset {} => "the connection was reset, which a broken network does as well".to_owned(),
        }
    }
}
