//! The elements of HTML and what each of them means for the text.

/// How the content of an element stands among what is around it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// In the line.
    Inline,
    /// In the line, but apart from the words beside it.
    Apart,
    /// On lines of its own.
    Block,
    /// On lines of its own, with an empty line before and after.
    Spaced,
    /// Without content.
    Void,
    /// Not shown.
    Hidden,
    /// Its tags mean nothing for the text.
    Ignored,
}

macro_rules! tags {
    ($($tag:ident $name:literal $shape:ident)*) => {
        /// An element that is known by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u8)]
        pub(super) enum Tag { $($tag),* }

        impl Tag {
            pub(super) const ALL: &[Self] = &[$(Self::$tag),*];

            /// The element with this name in lower case.
            pub(super) fn of(name: &[u8]) -> Option<Self> {
                match name {
                    $($name => Some(Self::$tag),)*
                    _ => None,
                }
            }

            pub(super) fn shape(self) -> Shape {
                match self {
                    $(Self::$tag => Shape::$shape),*
                }
            }
        }
    };
}

tags! {
    A b"a" Inline
    Address b"address" Block
    Annotation b"annotation" Hidden
    AnnotationXml b"annotation-xml" Hidden
    Area b"area" Void
    Article b"article" Spaced
    Aside b"aside" Spaced
    Audio b"audio" Hidden
    Base b"base" Void
    Bgsound b"bgsound" Void
    Blockquote b"blockquote" Spaced
    Body b"body" Ignored
    Br b"br" Void
    Button b"button" Apart
    Canvas b"canvas" Hidden
    Caption b"caption" Block
    Center b"center" Block
    Col b"col" Void
    Colgroup b"colgroup" Ignored
    Datalist b"datalist" Hidden
    Dd b"dd" Block
    Defs b"defs" Inline
    Desc b"desc" Inline
    Details b"details" Block
    Dialog b"dialog" Block
    Dir b"dir" Spaced
    Div b"div" Block
    Dl b"dl" Spaced
    Dt b"dt" Block
    Embed b"embed" Void
    Fieldset b"fieldset" Block
    Figcaption b"figcaption" Block
    Figure b"figure" Spaced
    Footer b"footer" Spaced
    Form b"form" Block
    Frame b"frame" Void
    H1 b"h1" Spaced
    H2 b"h2" Spaced
    H3 b"h3" Spaced
    H4 b"h4" Spaced
    H5 b"h5" Spaced
    H6 b"h6" Spaced
    Head b"head" Ignored
    Header b"header" Spaced
    Hgroup b"hgroup" Spaced
    Hr b"hr" Void
    Html b"html" Ignored
    Iframe b"iframe" Hidden
    Img b"img" Void
    Image b"image" Void
    Input b"input" Void
    Legend b"legend" Block
    Li b"li" Block
    Link b"link" Void
    Listing b"listing" Spaced
    Main b"main" Spaced
    Math b"math" Inline
    Menu b"menu" Spaced
    Meta b"meta" Void
    Metadata b"metadata" Inline
    Nav b"nav" Spaced
    Noembed b"noembed" Hidden
    Noframes b"noframes" Hidden
    Noscript b"noscript" Hidden
    Object b"object" Apart
    Ol b"ol" Spaced
    Optgroup b"optgroup" Block
    Option b"option" Block
    P b"p" Spaced
    Param b"param" Void
    Plaintext b"plaintext" Spaced
    Pre b"pre" Spaced
    Q b"q" Inline
    Rp b"rp" Hidden
    Rt b"rt" Inline
    Ruby b"ruby" Inline
    Script b"script" Hidden
    Search b"search" Block
    Section b"section" Spaced
    Select b"select" Apart
    Source b"source" Void
    Style b"style" Hidden
    Sub b"sub" Inline
    Summary b"summary" Block
    Sup b"sup" Inline
    Svg b"svg" Apart
    Table b"table" Spaced
    Tbody b"tbody" Block
    Td b"td" Block
    Template b"template" Hidden
    Text b"text" Apart
    Textarea b"textarea" Apart
    Tfoot b"tfoot" Block
    Th b"th" Block
    Thead b"thead" Block
    Title b"title" Hidden
    Tr b"tr" Block
    Track b"track" Void
    Ul b"ul" Spaced
    Video b"video" Hidden
    Wbr b"wbr" Void
    Xmp b"xmp" Spaced
}

impl Tag {
    pub(super) fn is_heading(self) -> bool {
        matches!(self, Self::H1 | Self::H2 | Self::H3 | Self::H4 | Self::H5 | Self::H6)
    }

    pub(super) fn is_list(self) -> bool {
        matches!(self, Self::Ul | Self::Ol | Self::Menu | Self::Dir)
    }

    pub(super) fn is_cell(self) -> bool {
        matches!(self, Self::Td | Self::Th)
    }

    /// Whether its end tag closes other elements that are open in it.
    pub(super) fn is_special(self) -> bool {
        let shape = matches!(self.shape(), Shape::Block | Shape::Spaced | Shape::Hidden);
        let inline = matches!(
            self,
            Self::Rp | Self::Annotation | Self::AnnotationXml | Self::Audio | Self::Video | Self::Canvas
        );
        shape && !inline || matches!(self, Self::Button | Self::Object | Self::Select | Self::Textarea)
    }

    /// Whether its start tag closes a paragraph.
    pub(super) fn closes_paragraph(self) -> bool {
        matches!(self.shape(), Shape::Block | Shape::Spaced)
            && !self.is_cell()
            && !matches!(self, Self::Caption | Self::Tr | Self::Tbody | Self::Thead | Self::Tfoot)
            && !matches!(self, Self::Option | Self::Optgroup | Self::Legend)
            || self == Self::Hr
    }

    /// Whether white space in it is kept.
    pub(super) fn keeps_space(self) -> bool {
        matches!(self, Self::Pre | Self::Listing | Self::Plaintext | Self::Textarea | Self::Xmp)
    }
}
