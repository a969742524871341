//! The blocks of a compressed conversation: their bounds are followed, their contents are not.
//!
//! Each flush of a peer makes one block, so a block is nearly always one request or one reply. A block has a checksum
//! of 16 bytes, a method, its size with these 9 bytes, its size when it is unpacked, and data; the sizes begin with
//! their lowest byte. Source: ClickHouse's `CompressionInfo.h`, and the bytes of its client 26.9.

/// Bytes in front of a block's data.
const HEAD: usize = 25;
/// Of these, the ones that the size in it counts.
const COUNTED: u32 = 9;
/// Where the method stands.
const METHOD_AT: usize = 16;
/// LZ4, and data as it is.
const METHODS: [u8; 2] = [LZ4, AS_IT_IS];
const LZ4: u8 = 0x82;
const AS_IT_IS: u8 = 0x02;
/// Data of the longest close of a session, which LZ4 leaves as it is behind one or two bytes.
const CLOSE: usize = 2 + 17;
/// `closeSession` at the end of a close.
const CLOSE_SESSION: [u8; 4] = (-11_i32).to_be_bytes();

/// One direction of a compressed conversation.
#[derive(Debug, Default)]
pub struct BlockScanner {
    head: [u8; HEAD],
    /// 0 <= head_len <= HEAD; HEAD inside the data.
    head_len: u8,
    /// Bytes of data that are not read yet.
    left: u32,
    /// The first bytes of the data.
    data: [u8; CLOSE],
    /// 0 <= data_len <= CLOSE
    data_len: u8,
    last_is_close: bool,
    lost: bool,
}

impl BlockScanner {
    /// Reads a chunk to its end; how many blocks ended in it. Once something is no block none is counted any more.
    pub fn scan(&mut self, mut chunk: &[u8]) -> u32 {
        let mut blocks = 0;
        while !self.lost && !chunk.is_empty() {
            let gathered = usize::from(self.head_len);
            if gathered < HEAD {
                let (piece, rest) = chunk.split_at((HEAD - gathered).min(chunk.len()));
                self.head[gathered..gathered + piece.len()].copy_from_slice(piece);
                (self.head_len, chunk) = (self.head_len + piece.len() as u8, rest);
                if usize::from(self.head_len) == HEAD {
                    self.begin();
                }
            } else {
                let (piece, rest) = chunk.split_at((self.left as usize).min(chunk.len()));
                self.keep(piece);
                (self.left, chunk) = (self.left - piece.len() as u32, rest);
            }
            if usize::from(self.head_len) == HEAD && self.left == 0 {
                blocks += u32::from(!self.lost);
                self.last_is_close = self.is_close();
                self.head_len = 0;
            }
        }
        blocks
    }

    /// A block's head is whole.
    fn begin(&mut self) {
        let size = self.head[METHOD_AT + 1..].first_chunk().map_or(0, |size| u32::from_le_bytes(*size));
        let known = METHODS.contains(&self.head[METHOD_AT]);
        (self.data_len, self.last_is_close) = (0, false);
        // A size that does not even count itself cannot be a block. From there on nothing says where the next one
        // begins.
        match size.checked_sub(COUNTED) {
            Some(left) if known => self.left = left,
            _ => self.lost = true,
        }
    }

    fn keep(&mut self, data: &[u8]) {
        let kept = usize::from(self.data_len);
        let piece = &data[..data.len().min(CLOSE - kept)];
        self.data[kept..kept + piece.len()].copy_from_slice(piece);
        self.data_len += piece.len() as u8;
    }

    /// Whether the block that has just ended is the close of a session: too short for LZ4 to shorten, so that it stands
    /// there as it is.
    fn is_close(&self) -> bool {
        let unpacked = self.head[HEAD - 4..].first_chunk().map_or(0, |size| u32::from_le_bytes(*size)) as usize;
        let data = &self.data[..usize::from(self.data_len)];
        // A close is too short for LZ4 to find anything to shorten, so it stands there as one run of literals, whose
        // length is in front of it. Hence it can be read without unpacking.
        let frame = match (self.head[METHOD_AT], data) {
            (LZ4, [0xf0, more, frame @ ..]) if unpacked == 15 + usize::from(*more) => frame,
            (LZ4, [token, frame @ ..]) if *token == (unpacked.min(15) as u8) << 4 => frame,
            (AS_IT_IS, frame) => frame,
            _ => return false,
        };
        let Some((length, rest)) = frame.split_first_chunk::<4>() else { return false };
        let len = u32::from_be_bytes(*length) as usize;
        let whole = frame.len() == unpacked && matches!(len, 8 | 12);
        whole && rest.get(len - 4..len) == Some(&CLOSE_SESSION)
    }

    /// Whether the last whole block is the close of a session, and nothing has come behind it.
    pub fn closes(&self) -> bool {
        self.last_is_close && self.head_len == 0
    }

    /// Whether the bytes so far end with a whole block, as far as that is known.
    pub fn at_boundary(&self) -> bool {
        self.lost || self.head_len == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        let digits: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
        digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect()
    }

    /// A request and a close of ClickHouse 26.9's client.
    fn recorded() -> [Vec<u8>; 2] {
        let request = "5b331ad82102b38940e312b355256dd8 82 31000000 26000000 f017000000220000000100000004000000152f6b65\
            657065722f666561747572655f666c61677300";
        let close = "cba4028d0a577695620f69cd409c95c7 82 16000000 0c000000 c0 000000087ffffffffffffff5";
        [bytes(request), bytes(close)]
    }

    #[test]
    fn blocks_are_counted_whatever_their_chunks() {
        let [request, close] = recorded();
        let stream = [request.clone(), request, close].concat();
        for size in 1..=stream.len() {
            let mut scanner = BlockScanner::default();
            let blocks: u32 = stream.chunks(size).map(|chunk| scanner.scan(chunk)).sum();
            assert_eq!((blocks, scanner.at_boundary(), scanner.closes()), (3, true, true), "chunks of {size}");
        }
    }

    #[test]
    fn only_a_close_is_taken_for_one() {
        let [request, close] = recorded();
        let closes = |blocks: &[&[u8]]| {
            let mut scanner = BlockScanner::default();
            for block in blocks {
                scanner.scan(block);
            }
            scanner.closes()
        };
        assert!(closes(&[&request, &close]) && !closes(&[&close, &request]) && !closes(&[&close, &request[..3]]));
        let mut ping = close.clone();
        ping.splice(30..38, bytes("fffffffe0000000b"));
        assert!(!closes(&[&ping]));
        let wide = "00000000000000000000000000000000 82 1b000000 10000000 f001 0000000c 7fffffffffffffff fffffff5";
        let traced = "00000000000000000000000000000000 02 16000000 0d000000 00000008 7fffffff fffffff5 00";
        assert!(closes(&[&bytes(wide)]) && closes(&[&bytes(traced)]));
    }

    #[test]
    fn what_is_no_block_ends_the_counting_and_is_never_waited_for() {
        let [request, _] = recorded();
        for (at, byte) in [(METHOD_AT, 0x90), (METHOD_AT + 1, 8)] {
            let mut broken = request.clone();
            broken[at] = byte;
            let mut scanner = BlockScanner::default();
            assert_eq!(scanner.scan(&[request.clone(), broken, request.clone()].concat()), 1);
            assert!(scanner.at_boundary() && !scanner.closes());
        }
    }
}
