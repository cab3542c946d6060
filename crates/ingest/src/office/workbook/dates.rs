//! Dates and times of a workbook, which are numbers of days.

const DAY: f64 = 86_400.0;

/// The last day that a workbook knows, 9999-12-31.
const LAST: f64 = 2_958_466.0;

/// Days from 1970-01-01 back to the days that workbooks count from.
const EPOCH_1900: i64 = -25_569;
const EPOCH_1904: i64 = -24_107;

/// What a format shows of a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Clock {
    /// The letters of its parts that the format has.
    pub(super) hours: bool,
    pub(super) minutes: bool,
    pub(super) seconds: bool,
    /// Decimals of the seconds.
    pub(super) decimals: usize,
}

/// The most decimals of seconds.
const DECIMALS: usize = 6;

/// A number of days as date, time or both by ISO 8601, if it is one.
pub(super) fn shown(number: f64, epoch_1904: bool, has_date: bool, clock: Option<Clock>) -> Option<String> {
    if !(0.0..LAST).contains(&number) {
        return None;
    }
    let clock_ = clock.unwrap_or_default();
    let unit = clock_.unit();
    let units = (number * DAY * unit as f64).round() as i64;
    let (mut day, within) = (units.div_euclid(86_400 * unit), units.rem_euclid(86_400 * unit));
    // 1900 counts as a leap year there, which it was not.
    if !epoch_1904 && day < 60 {
        day += 1;
    }
    let time = clock_.time(within);
    if !has_date {
        return Some(time);
    }
    let date = date(day + if epoch_1904 { EPOCH_1904 } else { EPOCH_1900 });
    Some(if clock.is_some() { format!("{date} {time}") } else { date })
}

/// A number of days as time that has passed, which may be more than a day: in hours and minutes, or as a number of the
/// one unit that the format has.
pub(super) fn elapsed(number: f64, clock: Clock) -> Option<String> {
    if number.is_nan() || number.abs() > 1e9 {
        return None;
    }
    let unit = clock.unit();
    let units = (number.abs() * DAY * unit as f64).round() as i64;
    let sign = if number < 0.0 { "-" } else { "" };
    let shown = match (clock.hours, clock.minutes, clock.seconds) {
        (true, false, false) => (units / (3600 * unit)).to_string(),
        (false, true, false) => (units / (60 * unit)).to_string(),
        (false, false, true) => format!("{}{}", units / unit, clock.fraction(units)),
        _ => clock.time(units),
    };
    Some(format!("{sign}{shown}"))
}

impl Clock {
    /// How many units a second has, as many as the decimals tell apart.
    fn unit(self) -> i64 {
        10_i64.pow(self.decimals.min(DECIMALS) as u32)
    }

    /// Hours and minutes; seconds where the format has them or there are any, so that `05:00` is never minutes.
    fn time(self, units: i64) -> String {
        let seconds = units / self.unit();
        let (hours, minutes, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        let tail = if second == 0 && !self.seconds { String::new() } else { format!(":{second:02}") };
        format!("{hours:02}:{minutes:02}{tail}{}", self.fraction(units))
    }

    fn fraction(self, units: i64) -> String {
        let decimals = self.decimals.min(DECIMALS);
        if decimals == 0 { String::new() } else { format!(".{:0decimals$}", units % self.unit()) }
    }
}

/// The date of a day since 1970-01-01, by the Gregorian calendar whose years begin in March.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, next_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}-{month:02}-{day:02}", year_of_era + era * 400 + next_year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_dates() {
        for (number, text) in [
            (1.0, "1900-01-01"),
            (59.0, "1900-02-28"),
            (61.0, "1900-03-01"),
            (25_569.0, "1970-01-01"),
            (45_351.0, "2024-02-29"),
            (45_352.999_999_9, "2024-03-02"),
            (2_958_465.0, "9999-12-31"),
        ] {
            assert_eq!(shown(number, false, true, None).as_deref(), Some(text));
        }
        let clock = Clock { hours: true, minutes: true, ..Clock::default() };
        assert_eq!(shown(0.0, true, true, None).as_deref(), Some("1904-01-01"));
        assert_eq!(shown(45_352.75, false, true, Some(clock)).as_deref(), Some("2024-03-01 18:00"));
        assert_eq!(shown(0.5 + 1.0 / DAY, false, false, Some(clock)).as_deref(), Some("12:00:01"));
        assert_eq!(elapsed(1.5, clock).as_deref(), Some("36:00"));
        assert_eq!(elapsed(-0.25, clock).as_deref(), Some("-06:00"));
        assert_eq!((shown(-1.0, false, true, None), shown(f64::NAN, false, true, None)), (None, None));
    }
}
