//! Files of office programs: zips of XML, by Microsoft's formats (ECMA-376) and OpenDocument.

pub(crate) mod compound;
pub(crate) mod docx;
mod math;
mod numerals;
mod package;
mod rows;
pub(crate) mod slides;
mod symbols;
pub(crate) mod workbook;
pub(crate) mod zipped;
