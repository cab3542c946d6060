//! Dates and times of a workbook, which are numbers of days.

const DAY: f64 = 86_400.0;

/// The last day that a workbook knows, 9999-12-31.
const LAST: f64 = 2_958_466.0;

/// Days from 1970-01-01 back to the days that workbooks count from.
const EPOCH_1900: i64 = -25_569;
const EPOCH_1904: i64 = -24_107;

/// A number of days as date, time or both by ISO 8601, if it is one.
pub(super) fn shown(number: f64, epoch_1904: bool, has_date: bool, has_time: bool) -> Option<String> {
    if !(0.0..LAST).contains(&number) {
        return None;
    }
    let seconds = (number * DAY).round() as i64;
    let (mut day, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    // 1900 counts as a leap year there, which it was not.
    if !epoch_1904 && day < 60 {
        day += 1;
    }
    let time = clock(second);
    if !has_date {
        return Some(time);
    }
    let date = date(day + if epoch_1904 { EPOCH_1904 } else { EPOCH_1900 });
    Some(if has_time { format!("{date} {time}") } else { date })
}

/// A number of days as hours and minutes, which may be more than a day's.
pub(super) fn elapsed(number: f64) -> Option<String> {
    if number.is_nan() || number.abs() > 1e9 {
        return None;
    }
    let seconds = (number.abs() * DAY).round() as i64;
    let sign = if number < 0.0 { "-" } else { "" };
    Some(format!("{sign}{}", clock(seconds)))
}

/// Hours and minutes, and seconds where there are any.
fn clock(seconds: i64) -> String {
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let tail = if seconds == 0 { String::new() } else { format!(":{seconds:02}") };
    format!("{hours:02}:{minutes:02}{tail}")
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
            assert_eq!(shown(number, false, true, false).as_deref(), Some(text));
        }
        assert_eq!(shown(0.0, true, true, false).as_deref(), Some("1904-01-01"));
        assert_eq!(shown(45_352.75, false, true, true).as_deref(), Some("2024-03-01 18:00"));
        assert_eq!(shown(0.5 + 1.0 / DAY, false, false, true).as_deref(), Some("12:00:01"));
        assert_eq!(elapsed(1.5).as_deref(), Some("36:00"));
        assert_eq!(elapsed(-0.25).as_deref(), Some("-06:00"));
        assert_eq!((shown(-1.0, false, true, false), shown(f64::NAN, false, true, false)), (None, None));
    }
}
