//! The head of a JPEG.

use super::orientation::of_exif;

/// What the head of a JPEG says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jpeg {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// How many numbers a pixel has.
    pub(crate) colours: u8,
    /// How it is turned, as EXIF counts.
    pub(crate) orientation: u64,
}

impl Jpeg {
    /// The head of these bytes, if they are a JPEG. (ISO/IEC 10918-1, B.1 and B.2.)
    pub(crate) fn of(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(b"\xFF\xD8")?;
        let mut orientation = 1;
        loop {
            let marker = rest.iter().position(|byte| *byte != 0xFF).filter(|at| *at > 0)?;
            let (code, behind) = (rest[marker], &rest[marker + 1..]);
            if matches!(code, 0x01 | 0xD0..=0xD8) {
                rest = behind;
                continue;
            }
            let length = usize::from(u16::from_be_bytes(*behind.first_chunk()?));
            let segment = behind.get(2..length)?;
            match code {
                0xE1 => orientation = segment.strip_prefix(b"Exif\0\0").map_or(orientation, of_exif),
                0xC0..=0xCF if !matches!(code, 0xC4 | 0xC8 | 0xCC) => {
                    let side =
                        |at: usize| Some(usize::from(u16::from_be_bytes(*segment.get(at..)?.first_chunk()?)));
                    return Some(Self {
                        height: side(1)?,
                        width: side(3)?,
                        colours: *segment.get(5)?,
                        orientation,
                    });
                }
                0xD9 | 0xDA => return None,
                _ => {}
            }
            rest = &behind[length..];
        }
    }
}
