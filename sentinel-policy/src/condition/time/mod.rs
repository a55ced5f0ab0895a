//! `time`: the days and hours at which a condition holds.

mod schedule;
mod window;
mod zone;

use std::fmt;

use chrono::{DateTime, Datelike, Timelike, Utc};
use chrono_tz::{TZ_VARIANTS, Tz};

use self::schedule::Schedule;
pub use self::window::{Day, DaySet, Hours, Window};
pub(super) use self::zone::Zones;
use super::{Circumstance, Condition, Mismatch, Openings, Saw, Shared};
use crate::diagnostic::{Finding, Subject, nearest};
use crate::read::{Field, Reader, Shape};
use crate::{Request, Spanned};

const TIME: Shape = Shape {
    place: "`time`",
    keys: &["days", "hours", "timezone"],
    required: 0,
    nested: &[("hours", HOURS.keys)],
};
const HOURS: Shape = Shape { place: "`hours`", keys: &["start", "end"], required: 2, nested: &[] };

/// The end of the day, in minutes from its beginning.
const MIDNIGHT: u16 = 24 * 60;

pub(crate) struct Time;

impl Condition for Time {
    type Given = Spanned<Window>;
    type Compiled = Schedule;

    const KEY: &'static str = "time";
    const NESTED: &'static [&'static str] = TIME.keys;

    fn read<'n>(reader: &mut Reader<'n>, field: Field<'n>) -> Option<Self::Given> {
        reader.window(field)
    }

    fn matches(schedule: &Schedule, _: &Request<'_>, now: DateTime<Utc>) -> bool {
        schedule.contains(now.timestamp())
    }

    fn saw(window: &Self::Given, _: &Request<'_>, now: DateTime<Utc>) -> Saw {
        Saw { attribute: "time", value: Some(wall_clock(&window.value, now)) }
    }

    fn wanted(window: &Self::Given, _: &str) -> Vec<String> {
        vec![text(&window.value)]
    }

    fn describe(mismatch: &Mismatch<'_>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is outside {}", mismatch.saw, mismatch.wanted.0.join(", "))
    }
}

impl Circumstance for Time {
    const OPENINGS: Option<Openings<Schedule>> = Some(Schedule::openings);

    fn compile(window: &Self::Given, shared: &mut Shared) -> Schedule {
        Schedule::new(&window.value, &mut shared.zones)
    }

    fn covers(wide: &Self::Given, narrow: Option<&Self::Given>) -> bool {
        is_always_open(&wide.value) || narrow.is_some_and(|narrow| narrow.value == wide.value)
    }
}

/// Whether a window never closes.
fn is_always_open(window: &Window) -> bool {
    Day::ALL.into_iter().all(|day| window.days.contains(day))
        && window.hours.is_none_or(|hours| hours.start() == 0 && hours.end() == 1440)
}

/// The wall clock of a window's zone: `Saturday 10:05 Europe/Berlin`.
fn wall_clock(window: &Window, now: DateTime<Utc>) -> String {
    let local = window.local(now);
    let mut day = Day::from(local.weekday()).as_str().to_owned();
    if let Some(initial) = day.get_mut(..1) {
        initial.make_ascii_uppercase();
    }
    format!("{day} {:02}:{:02} {}", local.hour(), local.minute(), window.zone)
}

/// A window in one line: `monday, friday 22:00-06:00 Europe/Berlin`.
fn text(window: &Window) -> String {
    let days: Vec<_> =
        Day::ALL.into_iter().filter(|day| window.days.contains(*day)).map(Day::as_str).collect();
    let days = if days.len() == Day::ALL.len() { "every day".to_owned() } else { days.join(", ") };
    let hours = window.hours.map_or_else(String::new, |hours| {
        let clock = |minutes: u16| format!("{:02}:{:02}", minutes / 60, minutes % 60);
        format!(" {}-{}", clock(hours.start()), clock(hours.end()))
    });
    format!("{days}{hours} {}", window.zone)
}

impl<'n> Reader<'n> {
    /// A window, which must name days or hours.
    pub(crate) fn window(&mut self, field: Field<'n>) -> Option<Spanned<Window>> {
        let before = self.findings.total();
        let fields = self.fields(field.subject(), field.node, &TIME)?;
        let (days, hours) = (fields.get("days"), fields.get("hours"));
        if days.is_none() && hours.is_none() && self.findings.total() == before {
            self.findings.report(field.span(), Finding::EmptyTime);
        }
        let days = days.and_then(|days| self.days(days)).unwrap_or(DaySet::EVERY);
        let hours = hours.and_then(|hours| self.hours(hours));
        let zone = fields.get("timezone").and_then(|zone| self.zone(zone)).unwrap_or(Tz::UTC);
        Some(Spanned::new(Window { days, hours, zone }, field.span()))
    }

    fn days(&mut self, field: Field<'n>) -> Option<DaySet> {
        let days =
            self.each(field, |reader, key, node| reader.word::<Day>(Subject::EntryOf(key), node))?;
        Some(days.into_iter().map(|day| day.value).collect())
    }

    fn hours(&mut self, field: Field<'n>) -> Option<Hours> {
        let fields = self.fields(field.subject(), field.node, &HOURS)?;
        let start = fields.get("start").and_then(|field| self.hour(field));
        let end_field = fields.get("end");
        let end = end_field.and_then(|field| self.hour(field));
        let hours = Hours::new(start?, end?);
        // Both are valid hours of the day, so only equality remains to be refused.
        if let (None, Some(end)) = (hours, end_field) {
            let value = end.node.text().unwrap_or_default();
            self.findings.report(end.node.span, Finding::EmptyWindow { value });
        }
        hours
    }

    /// Reads a time of day. The end of the day is valid only as the end of the hours.
    fn hour(&mut self, field: Field<'n>) -> Option<u16> {
        let (key, value) = (field.key, self.exact_text(field.subject(), field.node)?);
        match minutes(value) {
            Some(minutes) if minutes < MIDNIGHT || key == "end" => Some(minutes),
            Some(_) | None => {
                self.findings.report(
                    field.node.span,
                    Finding::InvalidHour { key, value, meant: meant_hour },
                );
                None
            }
        }
    }

    /// Reads a zone by its exact name in the zone database.
    fn zone(&mut self, field: Field<'n>) -> Option<Tz> {
        let value = self.exact_text(field.subject(), field.node)?;
        let zone = value.parse().ok();
        if zone.is_none() {
            self.findings
                .report(field.node.span, Finding::UnknownZone { value, meant: meant_zone });
        }
        zone
    }
}

/// The minutes since the beginning of the day for a text `HH:MM`, up to `24:00`.
fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let two_digits = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| part.parse::<u16>().ok()).flatten()
    };
    let (hour, minute) = (two_digits(hour)?, two_digits(minute)?);
    let minutes = hour * 60 + minute;
    (minute < 60 && minutes <= MIDNIGHT).then_some(minutes)
}

/// The time of day that was probably meant by a text with one digit, without a
/// colon, with seconds, or on a 12-hour clock.
fn meant_hour(text: &str) -> Option<String> {
    if text.len() > 16 {
        return None;
    }
    let plain: String = text.to_lowercase().split_whitespace().collect();
    let (clock, noon) = match plain.strip_suffix("pm") {
        Some(clock) => (clock, Some(12)),
        None => plain.strip_suffix("am").map_or((&*plain, None), |clock| (clock, Some(0))),
    };
    let mut parts = clock.split([':', '.', 'h']);
    let (first, second) = (parts.next()?, parts.next().unwrap_or_default());
    let (hour, minute) = match (first.split_at_checked(first.len().saturating_sub(2)), second) {
        (Some((hour, minute)), "") if first.len() > 2 => (hour, minute),
        _ => (first, second),
    };
    let mut hour: u16 = hour.parse().ok()?;
    let minute: u16 = if minute.is_empty() { 0 } else { minute.parse().ok()? };
    if let Some(noon) = noon {
        hour = if (1..=12).contains(&hour) { hour % 12 + noon } else { return None };
    }
    // `24:00` is refused only as a start. The beginning of a day is then meant.
    let hour = if (hour, minute) == (24, 0) { 0 } else { hour };
    let meant = format!("{hour:02}:{minute:02}");
    minutes(&meant).is_some().then_some(meant)
}

/// The zone that was probably meant by a name in another case, by a city alone, or
/// by a similar name. An offset resembles other offsets only in its spelling.
fn meant_zone(text: &str) -> Option<&'static str> {
    let names = TZ_VARIANTS.iter().map(|zone| zone.name());
    let same = names.clone().find(|name| name.eq_ignore_ascii_case(text));
    if same.is_some() || text.contains(|c: char| c.is_ascii_digit() || c == '+') {
        return same;
    }
    let city = names.clone().find(|name| {
        name.rsplit_once('/').is_some_and(|(_, city)| city.eq_ignore_ascii_case(text))
    });
    city.or_else(|| nearest(text, names))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn windows_of_one_zone_share_its_table() {
        let mut zones = Zones::default();
        let berlin = zones.zone(Tz::Europe__Berlin);
        assert!(Arc::ptr_eq(&berlin, &zones.zone(Tz::Europe__Berlin)));
        assert!(!Arc::ptr_eq(&berlin, &zones.zone(Tz::UTC)));
    }

    #[test]
    fn a_suggested_hour_has_two_digits_each() {
        for (text, expected) in [
            ("9:00", Some("09:00")),
            ("0900", Some("09:00")),
            ("900", Some("09:00")),
            ("9", Some("09:00")),
            ("9am", Some("09:00")),
            ("5:30 PM", Some("17:30")),
            ("12am", Some("00:00")),
            ("12pm", Some("12:00")),
            ("13pm", None),
            ("17:00:00", Some("17:00")),
            ("24:00", Some("00:00")),
            ("25:00", None),
            ("09:60", None),
            ("noon", None),
            ("", None),
            ("é1", None),
            // Longer texts are not read.
            ("            9:00", Some("09:00")),
            ("             9:00", None),
        ] {
            assert_eq!(meant_hour(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn a_suggested_zone_exists() {
        for (text, expected) in [
            ("europe/berlin", Some("Europe/Berlin")),
            ("Berlin", Some("Europe/Berlin")),
            ("Europe/Berlim", Some("Europe/Berlin")),
            ("America/New York", Some("America/New_York")),
            ("utc", Some("UTC")),
            ("GMT+1", None),
            ("UTC+2", None),
            ("etc/gmt+1", Some("Etc/GMT+1")),
            ("Mars/Olympus_Mons", None),
        ] {
            assert_eq!(meant_zone(text), expected, "{text}");
        }
    }
}
