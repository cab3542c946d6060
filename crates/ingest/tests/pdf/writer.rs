//! Writes small PDFs for the tests: pages of text in the standard fonts, and any object besides.

/// A PDF that is being made.
#[derive(Default)]
pub(crate) struct Writer {
    objects: Vec<Vec<u8>>,
    pages: Vec<usize>,
    /// Entries of the catalog.
    pub(crate) catalog: String,
}

/// The numbers of the catalog, the tree of pages and the shared resources.
const CATALOG: usize = 1;
const TREE: usize = 2;
const RESOURCES: usize = 3;
const SHARED: usize = 3;

impl Writer {
    /// A document with a page for each content.
    pub(crate) fn of(pages: &[String]) -> Self {
        let mut writer = Self::default();
        for content in pages {
            writer.page(content, "");
        }
        writer
    }

    /// Adds an object, and gives its number.
    pub(crate) fn object(&mut self, object: impl Into<Vec<u8>>) -> usize {
        self.objects.push(object.into());
        SHARED + self.objects.len()
    }

    /// Adds a stream with these entries of its dictionary.
    pub(crate) fn stream(&mut self, entries: &str, data: &[u8]) -> usize {
        let head = format!("<<{entries}/Length {}>>\nstream\n", data.len());
        self.object([head.as_bytes(), data, b"\nendstream"].concat())
    }

    /// Adds a page of A4 with this content and these entries besides.
    pub(crate) fn page(&mut self, content: &str, entries: &str) {
        let content = self.stream("", content.as_bytes());
        let page = format!("<</Type/Page/Parent {TREE} 0 R/Contents {content} 0 R{entries}>>");
        let page = self.object(page);
        self.pages.push(page);
    }

    /// The file. Its fonts are `F` (Helvetica), `C` (Courier) and those among the `resources`, entries of a dictionary.
    pub(crate) fn bytes_with(&self, fonts: &str, resources: &str) -> Vec<u8> {
        let kids: String = self.pages.iter().map(|page| format!("{page} 0 R ")).collect();
        let shared = [
            format!("<</Type/Catalog/Pages {TREE} 0 R{}>>", self.catalog),
            format!(
                "<</Type/Pages/Kids[{kids}]/Count {}/MediaBox[0 0 595 842]/Resources {RESOURCES} 0 R>>",
                self.pages.len()
            ),
            format!(
                "<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>\
                 /C<</Type/Font/Subtype/Type1/BaseFont/Courier>>{fonts}>>{resources}>>"
            ),
        ];
        let shared = shared.into_iter().map(String::into_bytes);
        let mut file = b"%PDF-1.7\n".to_vec();
        let mut offsets = Vec::new();
        for (index, object) in shared.chain(self.objects.iter().cloned()).enumerate() {
            offsets.push(file.len());
            file.extend_from_slice(format!("{} 0 obj\n", index + 1).as_bytes());
            file.extend_from_slice(&object);
            file.extend_from_slice(b"\nendobj\n");
        }
        let table = file.len();
        let count = offsets.len() + 1;
        file.extend_from_slice(format!("xref\n0 {count}\n0000000000 65535 f \n").as_bytes());
        for offset in offsets {
            file.extend_from_slice(format!("{offset:010} 00000 n \n").as_bytes());
        }
        let end = format!("trailer\n<</Size {count}/Root {CATALOG} 0 R>>\nstartxref\n{table}\n%%EOF\n");
        file.extend_from_slice(end.as_bytes());
        file
    }

    /// The file, with the standard fonts alone.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes_with("", "")
    }
}

/// Draws a line of text at a place, in Helvetica of 10 points.
pub(crate) fn text(x: f64, y: f64, line: &str) -> String {
    text_in("F", 10.0, x, y, line)
}

/// The same in another font or size.
pub(crate) fn text_in(font: &str, size: f64, x: f64, y: f64, line: &str) -> String {
    let line = line.replace('\\', "\\\\").replace('(', "\\(").replace(')', "\\)");
    format!("BT /{font} {size} Tf 1 0 0 1 {x} {y} Tm ({line}) Tj ET\n")
}

/// Draws a text right-aligned at `x`, in Courier of 10 points, whose letters are all 6 wide.
pub(crate) fn figure(x: f64, y: f64, figure: &str) -> String {
    text_in("C", 10.0, x - 6.0 * figure.chars().count() as f64, y, figure)
}

/// Draws lines one below the other.
pub(crate) fn lines(x: f64, y: f64, lines: &[&str]) -> String {
    let step = |(index, line): (usize, &&str)| text(x, y - 12.0 * index as f64, line);
    lines.iter().enumerate().map(step).collect()
}
