//! Compressed blocks, unpacked and made: a checksum, a method, two sizes, data.

use std::io::{self, Read};

use cityhash_rs::cityhash_102_128;

const LZ4: u8 = 0x82;
const AS_IT_IS: u8 = 0x02;
/// Bytes of method and sizes.
const HEAD: usize = 9;

fn checksum(block: &[u8]) -> [u8; 16] {
    let hash = cityhash_102_128(block);
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&((hash >> 64) as u64).to_le_bytes());
    bytes[8..].copy_from_slice(&(hash as u64).to_le_bytes());
    bytes
}

/// Reads one block and unpacks it.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = [0; 16 + HEAD];
    stream.read_exact(&mut head)?;
    let size = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
    let (packed, unpacked) = (size(17), size(21));
    let mut block = head[16..].to_vec();
    block.resize(packed, 0);
    stream.read_exact(&mut block[HEAD..])?;
    if checksum(&block) != head[..16] {
        return Err(io::Error::other("a block with a wrong checksum"));
    }
    let data = &block[HEAD..];
    match block[0] {
        LZ4 => unpack(data, unpacked).ok_or_else(|| io::Error::other("a block that is no LZ4")),
        AS_IT_IS => Ok(data.to_vec()),
        _ => Err(io::Error::other("a block of an unknown method")),
    }
}

/// Makes a block of data as it is.
pub(crate) fn pack(data: &[u8]) -> Vec<u8> {
    let sizes = [(data.len() + HEAD) as u32, data.len() as u32].map(u32::to_le_bytes).concat();
    let block = [&[AS_IT_IS][..], &sizes, data].concat();
    [&checksum(&block)[..], &block].concat()
}

/// LZ4's block format: literals, then a copy of what came before, over and over.
fn unpack(mut data: &[u8], len: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(len);
    while let Some((token, rest)) = data.split_first() {
        data = rest;
        let literals = length(usize::from(token >> 4), &mut data)?;
        let (copied, rest) = data.split_at_checked(literals)?;
        out.extend_from_slice(copied);
        let Some((offset, rest)) = rest.split_first_chunk::<2>() else { break };
        data = rest;
        let from = out.len().checked_sub(usize::from(u16::from_le_bytes(*offset)))?;
        for place in 0..length(usize::from(token & 15), &mut data)? + 4 {
            out.push(*out.get(from + place)?);
        }
    }
    (out.len() == len).then_some(out)
}

fn length(nibble: usize, data: &mut &[u8]) -> Option<usize> {
    let mut length = nibble;
    let mut more = nibble == 15;
    while more {
        let (byte, rest) = data.split_first()?;
        (length, *data, more) = (length + usize::from(*byte), rest, *byte == 255);
    }
    Some(length)
}

#[test]
fn a_block_of_the_real_client_is_unpacked_and_others_are_made_alike() {
    let hex = "5b331ad82102b38940e312b355256dd8823100000026000000f017000000220000000100000004000000152f6b65657065722f66\
        6561747572655f666c61677300";
    let digits: Vec<u8> = hex.chars().filter_map(|digit| digit.to_digit(16)).map(|digit| digit as u8).collect();
    let block: Vec<u8> = digits.chunks(2).map(|pair| pair[0] * 16 + pair[1]).collect();
    let request = read(&mut block.as_slice()).expect("a block");
    assert_eq!(request.len(), 38);
    assert!(request.windows(21).any(|text| text == b"/keeper/feature_flags"));
    assert_eq!(read(&mut pack(&request).as_slice()).expect("a block"), request);
}
