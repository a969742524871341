//! The beginnings of node data of one connection, until their requests are answered; only while somebody asks for them.

use std::collections::VecDeque;

use crate::ids::Xid;
use crate::observe::{DataRoom, TakenDataRoom};
use crate::wire::{NodeDataReader, OpCode};

/// Requests of one connection whose data waits; the oldest makes room, and is counted.
pub(crate) const DATA_WAITING: usize = 16;

/// What waits.
#[derive(Debug, Default)]
pub(super) struct DataAwaitingReplies {
    reader: NodeDataReader,
    /// For what the reader holds.
    room: Option<TakenDataRoom>,
    /// In the order of their requests; len <= DATA_WAITING.
    waiting: VecDeque<DataOfRequest>,
}

#[derive(Debug)]
struct DataOfRequest {
    xid: Xid,
    data: Box<[u8]>,
    _room: TakenDataRoom,
}

impl DataAwaitingReplies {
    /// Reads bytes of the client as [`NodeDataReader::read`] does. What finds no room is counted, and not shown.
    pub(super) fn read(&mut self, bytes: &[u8], begins: bool, most: usize, room: &DataRoom) {
        let waiting = &mut self.waiting;
        self.reader.read(bytes, begins, most, |xid, data| {
            if waiting.len() == DATA_WAITING {
                waiting.pop_front();
                room.count_dropped();
            }
            if let Some(taken) = room.take(size_of::<DataOfRequest>() + data.len()) {
                waiting.push_back(DataOfRequest { xid, data: data.into(), _room: taken });
            }
        });
        self.room = None;
        if self.reader.held() > 0 {
            self.room = room.take(self.reader.held());
            if self.room.is_none() {
                self.reader.forget();
            }
        }
    }

    /// The data of a request that is answered. Requests before it are answered no more.
    pub(super) fn take(&mut self, op: Option<OpCode>, xid: Xid) -> Box<[u8]> {
        let place = self.waiting.iter().position(|one| one.xid == xid);
        let Some(place) = place.filter(|_| op.is_some_and(NodeDataReader::sees)) else { return Box::default() };
        self.waiting.drain(..=place).next_back().map(|one| one.data).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::JuteWriter;

    fn set(xid: i32) -> Vec<u8> {
        let data = format!("data {xid}");
        let request = JuteWriter::new().request(xid, OpCode::SET_DATA).buffer(b"/a").buffer(data.as_bytes()).int(-1);
        request.end().into_bytes()
    }

    #[test]
    fn each_reply_takes_its_own_and_those_before_it_go() {
        let (mut awaited, room) = (DataAwaitingReplies::default(), DataRoom::default());
        let all: Vec<u8> = (1..=4).flat_map(set).collect();
        awaited.read(&all, true, 100, &room);
        let take = |awaited: &mut DataAwaitingReplies, op, xid| awaited.take(op, Xid(xid));
        assert_eq!(*take(&mut awaited, Some(OpCode::SET_DATA), 2), *b"data 2");
        for (op, xid) in [(Some(OpCode::SET_DATA), 1), (None, 3), (Some(OpCode::GET_DATA), 3)] {
            assert!(take(&mut awaited, op, xid).is_empty(), "{op:?} {xid}");
        }
        assert_eq!(*take(&mut awaited, Some(OpCode::SET_DATA), 3), *b"data 3");
        assert_eq!(awaited.waiting.len(), 1);
    }

    #[test]
    fn little_waits_whatever_is_sent() {
        let (mut awaited, room) = (DataAwaitingReplies::default(), DataRoom::default());
        let all: Vec<u8> = (1..=100).flat_map(set).collect();
        awaited.read(&all, true, 100, &room);
        assert_eq!((awaited.waiting.len(), awaited.waiting[0].xid), (DATA_WAITING, Xid(85)));
        assert_eq!(room.dropped(), 84);
        let mut others: Vec<DataAwaitingReplies> = (0..2_000).map(|_| DataAwaitingReplies::default()).collect();
        for one in &mut others {
            one.read(&all, true, 100, &room);
        }
        assert!(others.iter().any(|one| one.waiting.is_empty()), "there is no room for all");
        drop((awaited, others));
        assert!(room.take(crate::observe::tap::data_room::DATA_BYTES).is_some(), "all of it came back");
    }
}
