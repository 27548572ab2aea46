//! Reads the header `Prefer` (RFC 7240).

/// The header is not a list of preferences.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// The value of the first preference with this name: the empty text if it has none. `None` if the
/// header does not have the preference. Ignores other preferences and all parameters.
pub(super) fn preference(header: &str, name: &str) -> Result<Option<String>, Malformed> {
    let mut wanted = None;
    for preference in split(header, b',')? {
        // The parameters come after the first semicolon.
        let own = split(preference, b';')?.into_iter().next().unwrap_or_default();
        let (token, value) = own.split_once('=').unwrap_or((own, ""));
        if wanted.is_none() && token.trim_matches(SPACE).eq_ignore_ascii_case(name) {
            wanted = Some(word(value.trim_matches(SPACE))?);
        }
    }
    Ok(wanted)
}

/// The white space that may surround the parts of a header.
const SPACE: [char; 2] = [' ', '\t'];

/// Splits at `separator` outside of quoted strings.
fn split(text: &str, separator: u8) -> Result<Vec<&str>, Malformed> {
    let (mut parts, mut start) = (Vec::new(), 0);
    let (mut quoted, mut escaped) = (false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            // The separators are ASCII, so a split never lies inside a character.
            _ if byte == separator && !quoted => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted {
        return Err(Malformed);
    }
    parts.push(&text[start..]);
    Ok(parts)
}

/// A token as it is, or the text of a quoted string.
fn word(text: &str) -> Result<String, Malformed> {
    let Some(quoted) = text.strip_prefix('"') else {
        return if text.contains('"') { Err(Malformed) } else { Ok(text.to_owned()) };
    };
    let quoted = quoted.strip_suffix('"').ok_or(Malformed)?;
    let mut escaped = false;
    let text: String = quoted
        .chars()
        .filter(|c| {
            escaped = *c == '\\' && !escaped;
            !escaped
        })
        .collect();
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_preference_with_the_name_counts() {
        for (header, wait) in [
            ("wait=5", Some("5")),
            ("Wait = 5", Some("5")),
            ("wait=\"5\"", Some("5")),
            ("wait=\"\\5\"", Some("5")),
            ("respond-async, wait=10;foo=bar", Some("10")),
            ("wait=1, wait=2", Some("1")),
            (", ,wait=3,", Some("3")),
            ("wait", Some("")),
            ("note=\"a, wait=x\"", None),
            ("note=\"\\\", wait=x\"", None),
            ("note; wait=7", None),
            ("waits=7", None),
            ("", None),
        ] {
            assert_eq!(preference(header, "wait").unwrap().as_deref(), wait, "{header}");
        }
        for header in ["wait=\"5", "note=\"a, wait=5", "wait=5\"6\"", "wait=\"5\"6"] {
            assert_eq!(preference(header, "wait"), Err(Malformed), "{header}");
        }
    }
}
