//! A PDF of one page that shows pictures.

use hayro_font::kurbo::Affine;

/// A picture on the page.
pub(super) struct Drawn {
    /// The entries of its dictionary that say how it is packed.
    pub(super) entries: String,
    pub(super) data: Vec<u8>,
    /// Where it is.
    pub(super) at: Affine,
}

/// The number of the first picture's object.
const FIRST: usize = 5;

/// The file. Its page has this size in points.
pub(super) fn written((width, height): (usize, usize), pictures: &[Drawn]) -> Vec<u8> {
    let draw = |(index, picture): (usize, &Drawn)| {
        let [a, b, c, d, e, f] = picture.at.as_coeffs();
        format!("q {a} {b} {c} {d} {e} {f} cm /I{index} Do Q\n")
    };
    let content: String = pictures.iter().enumerate().map(draw).collect();
    let name = |index: usize| format!("/I{index} {} 0 R", FIRST + index);
    let names: String = (0..pictures.len()).map(name).collect();
    let mut file = File { bytes: b"%PDF-1.7\n".to_vec(), offsets: Vec::new() };
    file.object(b"<</Type/Catalog/Pages 2 0 R>>");
    file.object(b"<</Type/Pages/Kids[3 0 R]/Count 1>>");
    let page = format!(
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 {width} {height}]/Contents 4 0 R/Resources<</XObject<<{names}>>>>>>"
    );
    file.object(page.as_bytes());
    file.stream("", content.as_bytes());
    for picture in pictures {
        file.stream(&format!("/Type/XObject/Subtype/Image{}", picture.entries), &picture.data);
    }
    file.end()
}

struct File {
    bytes: Vec<u8>,
    offsets: Vec<usize>,
}

impl File {
    fn object(&mut self, object: &[u8]) {
        self.offsets.push(self.bytes.len());
        self.bytes.extend_from_slice(format!("{} 0 obj\n", self.offsets.len()).as_bytes());
        self.bytes.extend_from_slice(object);
        self.bytes.extend_from_slice(b"\nendobj\n");
    }

    fn stream(&mut self, entries: &str, data: &[u8]) {
        let head = format!("<<{entries}/Length {}>>\nstream\n", data.len());
        self.object(&[head.as_bytes(), data, b"\nendstream"].concat());
    }

    fn end(mut self) -> Vec<u8> {
        let (table, count) = (self.bytes.len(), self.offsets.len() + 1);
        let row = |offset: &usize| format!("{offset:010} 00000 n \n");
        let rows: String = self.offsets.iter().map(row).collect();
        let end = format!(
            "xref\n0 {count}\n0000000000 65535 f \n{rows}trailer\n<</Size {count}/Root 1 0 R>>\nstartxref\n{table}\n%%EOF\n"
        );
        self.bytes.extend_from_slice(end.as_bytes());
        self.bytes
    }
}
