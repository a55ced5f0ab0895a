//! The XML of AWS's responses as a tree. Attributes and namespaces have no meaning in it.

use xmlparser::{ElementEnd, Token, Tokenizer};

/// Maximum depth of elements. Responses of AWS have fewer than ten.
const MAX_DEPTH: usize = 64;

/// An element with its text and its children.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    pub(crate) name: String,
    /// The text directly in it, without entities.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Reads a document. `None` if it is malformed or too deep.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        // The last one is open. The first one contains the root.
        let mut open = vec![Self::default()];
        for token in Tokenizer::from(text) {
            match token.ok()? {
                Token::ElementStart { local, .. } => {
                    if open.len() > MAX_DEPTH {
                        return None;
                    }
                    open.push(Self { name: local.as_str().to_owned(), ..Self::default() });
                }
                Token::ElementEnd { end: ElementEnd::Open, .. } => {}
                Token::ElementEnd { end: ElementEnd::Close(_, local), .. } => {
                    let closed = open.pop()?;
                    if closed.name != local.as_str() {
                        return None;
                    }
                    open.last_mut()?.children.push(closed);
                }
                Token::ElementEnd { end: ElementEnd::Empty, .. } => {
                    let closed = open.pop()?;
                    open.last_mut()?.children.push(closed);
                }
                Token::Text { text } => open.last_mut()?.text.push_str(&plain(text.as_str())?),
                Token::Cdata { text, .. } => open.last_mut()?.text.push_str(text.as_str()),
                Token::EntityDeclaration { .. } | Token::DtdStart { .. } => return None,
                Token::Declaration { .. }
                | Token::ProcessingInstruction { .. }
                | Token::Comment { .. }
                | Token::EmptyDtd { .. }
                | Token::DtdEnd { .. }
                | Token::Attribute { .. } => {}
            }
        }
        let mut document = open.pop().filter(|_| open.is_empty())?;
        document.children.pop().filter(|_| document.children.is_empty())
    }

    /// The first element of that name, at any depth.
    pub(crate) fn find(&self, name: &str) -> Option<&Self> {
        let mut children = self.children.iter();
        if self.name == name { Some(self) } else { children.find_map(|child| child.find(name)) }
    }

    /// The text of the child of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let child = self.children.iter().find(|child| child.name == name);
        child.map(|child| child.text.as_str())
    }

    /// The members of the list of that name, at any depth.
    pub(crate) fn members(&self, name: &str) -> impl Iterator<Item = &Self> {
        let list = self.find(name).into_iter().flat_map(|list| &list.children);
        list.filter(|child| child.name == "member")
    }
}

/// A text without entities. `None` if it has an entity that XML does not define.
fn plain(text: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        plain.push_str(before);
        let (entity, next) = after.split_once(';')?;
        let number =
            |digits: &str, radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
        plain.push(match entity {
            "lt" => '<',
            "gt" => '>',
            "amp" => '&',
            "quot" => '"',
            "apos" => '\'',
            entity => match (entity.strip_prefix("#x"), entity.strip_prefix('#')) {
                (Some(digits), _) => number(digits, 16)?,
                (None, Some(digits)) => number(digits, 10)?,
                (None, None) => return None,
            },
        });
        rest = next;
    }
    plain.push_str(rest);
    Some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ROLES: &str = r#"<?xml version="1.0"?>
<ListRolesResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/">
  <ListRolesResult><Roles>
    <member><RoleName>a&amp;b</RoleName><Tags/></member>
    <member><RoleName>c</RoleName></member>
  </Roles><IsTruncated>false</IsTruncated></ListRolesResult>
</ListRolesResponse>"#;

    #[test]
    fn a_response_is_a_tree_without_entities() {
        let root = Element::parse(ROLES).unwrap();
        assert_eq!(root.name, "ListRolesResponse");
        let names: Vec<_> = root.members("Roles").map(|role| role.get("RoleName")).collect();
        assert_eq!(names, [Some("a&b"), Some("c")]);
        assert_eq!(root.find("ListRolesResult").unwrap().get("IsTruncated"), Some("false"));
        assert_eq!(
            plain("&#65;&#x42;&lt;&quot;").as_deref(),
            Some("A B<\"".replace(' ', "").as_str())
        );
    }

    proptest! {
        /// Text of a server cannot cause a panic, and a tree contains no more text than its source.
        #[test]
        fn any_text_is_a_tree_or_refused(text in "(<a>|</a>|<b/>|<|>|&|&#x41;|&amp;|;|x|<!\\[CDATA\\[|\\]\\]>|<!--|-->){0,24}|.{0,40}") {
            if let Some(root) = Element::parse(&text) {
                prop_assert!(size(&root) <= text.len());
            }
        }
    }

    fn size(element: &Element) -> usize {
        element.text.len() + element.children.iter().map(size).sum::<usize>()
    }

    #[test]
    fn what_is_not_a_tree_is_refused() {
        let deep = "<a>".repeat(100) + &"</a>".repeat(100);
        for text in ["", "<a>", "<a></b>", "<a/><b/>", "<a>&nbsp;</a>", "<a>&</a>", &deep, "{}"] {
            assert_eq!(Element::parse(text), None, "{text}");
        }
        let bomb = "<!DOCTYPE x [<!ENTITY a \"b\">]><x>&a;</x>";
        assert_eq!(Element::parse(bomb), None);
    }
}
