//! The files of the page, which are part of the program.

use http::StatusCode;

use crate::response::{self, Response};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal: $media:ident $file:literal,)*) => {
        /// Each file: its path under the console's, its media type and its text.
        const FILES: &[(&str, &str, &str)] =
            &[$(($path, $media, include_str!(concat!("../page/", $file)))),*];
    };
}

files! {
    "/": HTML "page.html",
    "/style.css": CSS "style.css",
    "/icon.svg": SVG "icon.svg",
    "/script.js": SCRIPT "script.js",
    "/api.js": SCRIPT "api.js",
    "/elements.js": SCRIPT "elements.js",
    "/dialogs.js": SCRIPT "dialogs.js",
    "/requests.js": SCRIPT "requests.js",
    "/grants.js": SCRIPT "grants.js",
    "/sessions.js": SCRIPT "sessions.js",
    "/system.js": SCRIPT "system.js",
}

/// The file at that path under the console's.
pub(crate) fn find(path: &str) -> Option<Response> {
    let (_, media, text) = FILES.iter().find(|(known, _, _)| *known == path)?;
    Some(response::of(StatusCode::OK, media, *text))
}
