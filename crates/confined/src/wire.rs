//! Messages between a parent and its child, and their encoding.
//!
//! A message is a JSON head followed by the blocks that it refers to by index. Each part is its length as a little-endian
//! u64, then its bytes. So a text is never escaped, and each distinct block crosses once however often it is used.

use std::io::{self, Read, Write};

use serde::{Serialize, de::DeserializeOwned};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Child side: writes a message.
///
/// # Errors
/// If the pipe is closed.
pub fn write(to: &mut impl Write, head: &impl Serialize, blocks: &[impl AsRef<[u8]>]) -> io::Result<()> {
    let head = serde_json::to_vec(&(head, blocks.len()))?;
    to.write_all(&(head.len() as u64).to_le_bytes())?;
    to.write_all(&head)?;
    for block in blocks {
        let block = block.as_ref();
        to.write_all(&(block.len() as u64).to_le_bytes())?;
        to.write_all(block)?;
    }
    to.flush()
}

/// Child side: reads a message from the parent, which it trusts. `None` at the end of input.
///
/// # Errors
/// If the pipe is closed within a message, or a head is none of `T`.
pub fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<(T, Vec<Vec<u8>>)>> {
    let mut length = [0; 8];
    if from.read(&mut length[..1])? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut length[1..])?;
    let head = read_block(from, u64::from_le_bytes(length))?;
    let (head, count): (T, usize) = serde_json::from_slice(&head)?;
    let mut blocks = Vec::with_capacity(count);
    for _ in 0..count {
        from.read_exact(&mut length)?;
        blocks.push(read_block(from, u64::from_le_bytes(length))?);
    }
    Ok(Some((head, blocks)))
}

fn read_block(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length).map_err(io::Error::other)?;
    let mut block = vec![0; length];
    from.read_exact(&mut block)?;
    Ok(block)
}

/// Parent side: writes a message.
///
/// # Errors
/// If the pipe is closed.
pub async fn send(
    to: &mut (impl AsyncWrite + Unpin),
    head: &impl Serialize,
    blocks: &[impl AsRef<[u8]>],
) -> io::Result<()> {
    let head = serde_json::to_vec(&(head, blocks.len()))?;
    to.write_u64_le(head.len() as u64).await?;
    to.write_all(&head).await?;
    drop(head);
    for block in blocks {
        let block = block.as_ref();
        to.write_u64_le(block.len() as u64).await?;
        to.write_all(block).await?;
    }
    to.flush().await
}

/// Parent side: reads a message from the child, which it does not trust: all parts together stay under `max` bytes.
///
/// # Errors
/// If the pipe is closed within the message, or the message is too long or none of `T`.
pub async fn receive<T: DeserializeOwned>(
    from: &mut (impl AsyncRead + Unpin),
    max: usize,
) -> io::Result<(T, Vec<Vec<u8>>)> {
    let mut left = max;
    let head = receive_block(from, &mut left).await?;
    let (head, count): (T, usize) = serde_json::from_slice(&head)?;
    let mut blocks = Vec::new();
    for _ in 0..count {
        blocks.push(receive_block(from, &mut left).await?);
    }
    Ok((head, blocks))
}

async fn receive_block(from: &mut (impl AsyncRead + Unpin), left: &mut usize) -> io::Result<Vec<u8>> {
    let length = from.read_u64_le().await?;
    // The length itself costs eight bytes; otherwise endless empty blocks would cost nothing.
    let cost = usize::try_from(length).ok().and_then(|length| length.checked_add(8));
    let Some(rest) = cost.and_then(|cost| left.checked_sub(cost)) else {
        return Err(io::Error::other(format!("a reply of more than {left} bytes")));
    };
    *left = rest;
    let mut block = vec![0; length as usize];
    from.read_exact(&mut block).await?;
    Ok(block)
}

/// The blocks as texts.
///
/// # Errors
/// If one is no UTF-8.
pub fn texts(blocks: Vec<Vec<u8>>) -> io::Result<Vec<String>> {
    blocks.into_iter().map(|block| String::from_utf8(block).map_err(io::Error::other)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn messages_cross_in_both_directions() {
        let mut sent = Vec::new();
        send(&mut sent, &"head", &["", "two\r\n\u{1F469}"]).await.unwrap();
        let mut sent = &*sent;
        let (head, blocks) = read::<String>(&mut sent).unwrap().unwrap();
        assert_eq!(
            (head.as_str(), texts(blocks).unwrap()),
            ("head", vec![String::new(), "two\r\n\u{1F469}".into()])
        );
        assert!(read::<String>(&mut sent).unwrap().is_none());

        let mut answered = Vec::new();
        write(&mut answered, &7, &[&b"\xff"[..]]).unwrap();
        let (number, blocks) = receive::<u8>(&mut &*answered, answered.len()).await.unwrap();
        assert_eq!((number, &blocks[..]), (7, &[vec![0xff]][..]));
        assert!(texts(blocks).is_err());
    }

    #[tokio::test]
    async fn a_reply_that_lies_is_refused_before_it_is_read() {
        let mut whole = Vec::new();
        write(&mut whole, &"Started", &["x".repeat(1000)]).unwrap();
        let huge = u64::MAX.to_le_bytes();
        let empty_blocks = |count: u64| {
            let head = format!("[\"Started\",{count}]");
            [&(head.len() as u64).to_le_bytes()[..], head.as_bytes(), &[0; 8 * 64]].concat()
        };
        for (bytes, max) in [
            (&whole[..], whole.len() - 1),
            (&whole[..whole.len() - 1], 1 << 20),
            (&huge, usize::MAX),
            (&[], 100),
            (&empty_blocks(u64::MAX), 256),
            (&[4, 0, 0, 0, 0, 0, 0, 0, b'j', b'u', b'n', b'k'], 100),
        ] {
            assert!(receive::<String>(&mut &*bytes, max).await.is_err());
        }
    }
}
