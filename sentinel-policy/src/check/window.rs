//! When a rule holds.

use chrono_tz::{TZ_VARIANTS, Tz};

use crate::diagnostic::{Finding, Subject, nearest};
use crate::read::{Field, Reader, Shape};
use crate::{Day, DaySet, Hours, Spanned, Window};

pub(super) const TIME: Shape = Shape {
    place: "`time`",
    keys: &["days", "hours", "timezone"],
    required: 0,
    nested: &[("hours", HOURS.keys)],
};
const HOURS: Shape = Shape { place: "`hours`", keys: &["start", "end"], required: 2, nested: &[] };

/// The end of the day, in minutes from its beginning.
const MIDNIGHT: u16 = 24 * 60;

impl<'n> Reader<'n> {
    /// A window, which must name days or hours.
    pub(super) fn window(&mut self, field: Field<'n>) -> Option<Spanned<Window>> {
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
        let days = self.each(field, |reader, key, node| {
            reader.word(Subject::EntryOf(key), node, Day::WORDS, Day::parse)
        })?;
        Some(days.into_iter().map(|day| day.value).collect())
    }

    fn hours(&mut self, field: Field<'n>) -> Option<Hours> {
        let fields = self.fields(field.subject(), field.node, &HOURS)?;
        let start = fields.get("start").and_then(|field| self.hour(field));
        let end_field = fields.get("end");
        let end = end_field.and_then(|field| self.hour(field));
        let hours = Hours::new(start?, end?);
        // Each is an hour of the day already, so only their being equal is left.
        if let (None, Some(end)) = (hours, end_field) {
            let value = end.node.text().unwrap_or_default();
            self.findings.report(end.node.span, Finding::EmptyWindow { value });
        }
        hours
    }

    /// A time of day; the end of the day is an end only.
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

    /// A zone by the exact name that the zone database has for it.
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

/// The minutes from the beginning of the day of a `HH:MM`, up to `24:00`.
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

/// The time of day that was probably meant: with one digit, without colon, with
/// seconds, by twelve hours.
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
    // `24:00` comes here as a start, and is the beginning of a day then.
    let hour = if (hour, minute) == (24, 0) { 0 } else { hour };
    let meant = format!("{hour:02}:{minute:02}");
    minutes(&meant).is_some_and(|minutes| minutes < MIDNIGHT).then_some(meant)
}

/// The zone that was probably meant: in another case, the city alone, or the
/// nearest. An offset is near to another one in its spelling only.
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
    use super::*;

    #[test]
    fn the_hour_that_was_meant_is_two_digits_each() {
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
        ] {
            assert_eq!(meant_hour(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_zone_that_was_meant_is_one_that_exists() {
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
