//! Terminal colours as classes; everything else that a terminal would obey is left out.

use anstyle_parse::{DefaultCharAccumulator, Params, Parser, Perform};

/// Adds a text without escape sequences, for HTML. What cannot be seen is shown by its sign.
pub(in crate::features::containers) fn push_text(text: &str, out: &mut String) {
    for character in text.chars() {
        push(character, out);
    }
}

fn push(character: char, out: &mut String) {
    match character {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        '"' => out.push_str("&quot;"),
        '\t' => out.push('\t'),
        '\u{7f}' => out.push('␡'),
        // The signs for control characters stand in their order.
        control @ '\0'..='\u{1f}' => {
            out.extend(char::from_u32(0x2400 + u32::from(control)));
        }
        // What turns the direction of text around could make a line read as another one.
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => out.push('\u{fffd}'),
        other => out.push(other),
    }
}

/// Adds a text with escape sequences, for HTML.
pub(super) fn push_ansi(text: &str, out: &mut String) {
    if !text.contains('\u{1b}') {
        return push_text(text, out);
    }
    let mut painter = Painter { out, look: Look::default(), open: false };
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for byte in text.bytes() {
        parser.advance(&mut painter, byte);
    }
    painter.close();
}

/// The text without its escape sequences: what is searched.
pub(super) fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    struct Plain(String);
    impl Perform for Plain {
        fn print(&mut self, c: char) {
            self.0.push(c);
        }
        fn execute(&mut self, byte: u8) {
            if byte == b'\t' {
                self.0.push('\t');
            }
        }
    }
    if !text.contains('\u{1b}') {
        return text.into();
    }
    let mut plain = Plain(String::with_capacity(text.len()));
    let mut parser = Parser::<DefaultCharAccumulator>::new();
    for byte in text.bytes() {
        parser.advance(&mut plain, byte);
    }
    plain.0.into()
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Look {
    /// 0 to 15.
    front: Option<u8>,
    /// 0 to 7.
    back: Option<u8>,
    bold: bool,
    dim: bool,
    italic: bool,
    underlined: bool,
    inverse: bool,
}

struct Painter<'a> {
    out: &'a mut String,
    look: Look,
    open: bool,
}

impl Painter<'_> {
    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.out.push_str("</span>");
        }
    }

    fn open(&mut self) {
        if self.open || self.look == Look::default() {
            return;
        }
        self.open = true;
        self.out.push_str("<span class=\"");
        let look = self.look;
        let mut classes = Vec::new();
        classes.extend(look.front.map(|n| format!("f{n}")));
        classes.extend(look.back.map(|n| format!("g{n}")));
        let marks = [
            (look.bold, "fb"),
            (look.dim, "fd"),
            (look.italic, "fi"),
            (look.underlined, "fu"),
            (look.inverse, "fv"),
        ];
        classes.extend(marks.into_iter().filter(|(on, _)| *on).map(|(_, class)| class.to_owned()));
        self.out.push_str(&classes.join(" "));
        self.out.push_str("\">");
    }

    fn set(&mut self, codes: &[u16]) {
        let mut codes = codes.iter().copied();
        let mut look = self.look;
        while let Some(code) = codes.next() {
            match code {
                0 => look = Look::default(),
                1 => look.bold = true,
                2 => look.dim = true,
                3 => look.italic = true,
                4 => look.underlined = true,
                7 => look.inverse = true,
                22 => (look.bold, look.dim) = (false, false),
                23 => look.italic = false,
                24 => look.underlined = false,
                27 => look.inverse = false,
                30..=37 => look.front = u8::try_from(code - 30).ok(),
                38 => look.front = extended(&mut codes),
                39 => look.front = None,
                40..=47 => look.back = u8::try_from(code - 40).ok(),
                48 => look.back = extended(&mut codes).map(|n| n % 8),
                49 => look.back = None,
                90..=97 => look.front = u8::try_from(code - 90 + 8).ok(),
                100..=107 => look.back = u8::try_from(code - 100).ok(),
                _ => {}
            }
        }
        if look != self.look {
            self.close();
            self.look = look;
        }
    }
}

impl Perform for Painter<'_> {
    fn print(&mut self, c: char) {
        self.open();
        push(c, self.out);
    }

    fn execute(&mut self, byte: u8) {
        if byte == b'\t' {
            self.open();
            self.out.push('\t');
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _intermediates: &[u8], ignore: bool, action: u8) {
        if action == b'm' && !ignore {
            let codes: Vec<u16> = params.iter().flatten().copied().collect();
            if codes.is_empty() { self.set(&[0]) } else { self.set(&codes) }
        }
    }
}

/// The nearest of the sixteen colours that a theme has: `5;n` of 256, or `2;r;g;b`.
fn extended(codes: &mut impl Iterator<Item = u16>) -> Option<u8> {
    let (r, g, b) = match codes.next()? {
        5 => match codes.next()? {
            n @ 0..=15 => return u8::try_from(n).ok(),
            n @ 16..=231 => {
                let n = n - 16;
                (n / 36 * 51, n / 6 % 6 * 51, n % 6 * 51)
            }
            n => {
                let grey = n.saturating_sub(232) * 10 + 8;
                (grey, grey, grey)
            }
        },
        2 => (codes.next()?, codes.next()?, codes.next()?),
        _ => return None,
    };
    let most = r.max(g).max(b);
    if most < 48 {
        return Some(0);
    }
    // A channel counts when it is not far below the strongest.
    let bit = |channel: u16, bit: u8| if channel * 10 >= most * 6 { bit } else { 0 };
    let hue = bit(r, 1) | bit(g, 2) | bit(b, 4);
    Some(match (hue, most) {
        (7, 0..128) => 8,
        (7, 128..224) => 7,
        (7, _) => 15,
        (hue, 224..) => hue + 8,
        (hue, _) => hue,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn html(text: &str) -> String {
        let mut out = String::new();
        push_ansi(text, &mut out);
        out
    }

    #[test]
    fn colours_become_classes_and_are_closed() {
        assert_eq!(html("\u{1b}[1;31mred\u{1b}[0m plain"), "<span class=\"f1 fb\">red</span> plain");
        assert_eq!(html("\u{1b}[32mgreen"), "<span class=\"f2\">green</span>");
        assert_eq!(
            html("\u{1b}[38;5;196mx\u{1b}[48;2;0;0;255my"),
            "<span class=\"f9\">x</span><span class=\"f9 g4\">y</span>"
        );
    }

    #[test]
    fn nothing_in_a_line_is_obeyed() {
        assert_eq!(html("<b>&\"</b>"), "&lt;b&gt;&amp;&quot;&lt;/b&gt;");
        assert_eq!(html("\u{1b}]0;title\u{7}a\u{1b}[2Jb\u{1b}[Hc"), "abc");
        assert_eq!(html("\u{1b}[31\"><script>"), "cript&gt;", "a broken sequence swallows what it may");
        assert_eq!(html("a\0b\u{7}"), "a␀b␇");
        assert_eq!(html("user\u{202e}nimda"), "user\u{fffd}nimda");
    }

    #[test]
    fn what_is_searched_has_no_colours() {
        assert_eq!(plain("\u{1b}[31merr\u{1b}[0mor"), "error");
    }
}
