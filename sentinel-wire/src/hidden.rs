//! Characters that a reader does not see.

/// Whether a character controls a terminal, changes the direction of the text around it, or has no
/// visible form. Text that a caller chose is shown with such characters written out.
///
/// ```
/// assert!(sentinel_wire::is_hidden('\u{202e}') && sentinel_wire::is_hidden('\u{1b}'));
/// assert!(!sentinel_wire::is_hidden('ü'));
/// ```
#[must_use]
pub fn is_hidden(char: char) -> bool {
    char.is_control()
        || matches!(char,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}
