//! Files of office programs: zips of XML, by Microsoft's formats (ECMA-376) and OpenDocument.

mod block;
mod charts;
pub(crate) mod compound;
mod digits;
pub(crate) mod docx;
mod grid;
mod math;
mod numerals;
pub(crate) mod opendocument;
mod package;
mod remarks;
mod rows;
pub(crate) mod slides;
pub(crate) mod symbols;
pub(crate) mod workbook;
mod written;
pub(crate) mod zipped;
