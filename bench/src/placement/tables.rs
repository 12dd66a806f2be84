//! The figures as tables in Markdown and as a picture.

use std::fmt::Write;

use anyhow::Result;

use super::figures::{mean, rate, Estimate, Tally};
use super::mode::MODES;
use super::storm::{Mix, MIXES};
use super::{Counted, On};
use crate::page::{draw, replace_measured, row, table};

const PAGE: &str = "docs/placement.md";
const PICTURE: &str = "docs/placement.svg";

/// For a table, as `value (low to high)`.
fn cell(Estimate { value, low, high }: Estimate, digits: usize) -> String {
    format!("{value:.digits$} ({low:.digits$} to {high:.digits$})")
}

fn percent(Estimate { value, low, high }: Estimate) -> String {
    let of = |share| 100.0 * share;
    let all = Estimate {
        value: of(value),
        low: of(low),
        high: of(high),
    };
    cell(all, if all.high < 10.0 { 2 } else { 1 })
}

fn of_vms(tallies: &[Tally], hits: fn(&Tally) -> u64) -> Estimate {
    rate(&tallies.iter().map(|t| (hits(t), t.vms)).collect::<Vec<_>>())
}

fn of_storms(tallies: &[Tally], value: fn(&Tally) -> f64) -> Estimate {
    mean(&tallies.iter().map(value).collect::<Vec<_>>())
}

fn tallies(counted: &[Counted], mode: usize) -> Vec<Tally> {
    counted.iter().map(|storm| storm.modes[mode]).collect()
}

fn landed(counted: &[Counted]) -> String {
    let mut rows = vec![row([
        "of all VMs, %",
        "as planned",
        "spread",
        "failed late",
        "refused",
        "refused, memory free",
        "turned away, room in the end",
    ])];
    for (index, mode) in MODES.iter().enumerate() {
        let tallies = tallies(counted, index);
        let part = |hits| percent(of_vms(&tallies, hits));
        rows.push(vec![
            mode.name(),
            part(|t| t.planned),
            part(|t| t.spread),
            part(|t| t.failed),
            part(|t| t.refused),
            part(|t| t.refused_though_free),
            part(|t| t.missed),
        ]);
    }
    table(&rows)
}

fn storms(counted: &[Counted]) -> String {
    let mut rows = vec![row([
        "of a storm",
        "all as planned or refused, % of storms",
        "populated for nothing, % of host",
        "unusable in the end, % of host",
        "retries per 100 VMs",
        "seconds",
    ])];
    for (index, mode) in MODES.iter().enumerate() {
        let tallies = tallies(counted, index);
        let clean = tallies
            .iter()
            .map(|t| (u64::from(t.spread + t.failed == 0), 1));
        rows.push(vec![
            mode.name(),
            percent(rate(&clean.collect::<Vec<_>>())),
            percent(of_storms(&tallies, |t| t.wasted)),
            percent(of_storms(&tallies, |t| t.unusable)),
            cell(
                of_storms(&tallies, |t| 100.0 * t.retries as f64 / t.vms as f64),
                2,
            ),
            cell(of_storms(&tallies, |t| t.seconds), 1),
        ]);
    }
    table(&rows)
}

/// What a column is of: its name, and which storms.
type Column<'a> = (&'a str, &'a dyn Fn(&Counted) -> bool);

/// As planned, of the VMs of the storms that each column names.
fn by(counted: &[Counted], columns: &[Column]) -> String {
    let mut head = row(["as planned, % of VMs"]);
    head.extend(columns.iter().map(|(name, _)| (*name).to_owned()));
    let mut rows = vec![head];
    for (index, mode) in MODES.iter().enumerate() {
        let mut cells = vec![mode.name()];
        for (_, belongs) in columns {
            let of_it = counted.iter().filter(|storm| belongs(storm));
            let tallies: Vec<_> = of_it.map(|storm| storm.modes[index]).collect();
            cells.push(percent(of_vms(&tallies, |t| t.planned)));
        }
        rows.push(cells);
    }
    table(&rows)
}

fn by_mix(counted: &[Counted]) -> String {
    let [a, b, c, d] = MIXES.map(|mix| move |storm: &Counted| storm.mix == mix);
    let [one, two, three, four] = MIXES.map(Mix::name);
    by(counted, &[(one, &a), (two, &b), (three, &c), (four, &d)])
}

fn by_fullness(counted: &[Counted]) -> String {
    by(
        counted,
        &[
            ("60 to 80 % full", &|storm| storm.full < 0.8),
            ("80 to 99 %", &|storm| (0.8..0.99).contains(&storm.full)),
            ("more wanted than there is", &|storm| storm.full >= 0.99),
        ],
    )
}

/// For each mode, the storms in which most went wrong.
fn worst(counted: &[Counted]) -> String {
    type Figure = (&'static str, fn(&Tally) -> u64);
    const FIGURES: [Figure; 4] = [
        ("most spread", |t| t.spread),
        ("most failed late", |t| t.failed),
        ("most refused, memory free", |t| t.refused_though_free),
        ("most retries", |t| t.retries),
    ];
    let mut head = row(["seeds to look at"]);
    head.extend(FIGURES.iter().map(|(name, _)| (*name).to_owned()));
    let mut rows = vec![head];
    for (index, mode) in MODES.iter().enumerate() {
        let mut cells = vec![mode.name()];
        for (_, figure) in FIGURES {
            let of = |storm: &&Counted| (figure(&storm.modes[index]), u64::MAX - storm.seed);
            let most = counted.iter().max_by_key(of);
            let most = most.map(|storm| (storm.seed, figure(&storm.modes[index])));
            cells.push(match most {
                Some((seed, n)) if n > 0 => format!("{seed} ({n})"),
                _ => String::new(),
            });
        }
        rows.push(cells);
    }
    table(&rows)
}

/// Everything, as Markdown.
pub fn tables(counted: &[(On, Vec<Counted>)]) -> String {
    let mut text = String::new();
    for (on, counted) in counted {
        let vms: u64 = counted.iter().map(|storm| storm.modes[0].vms).sum();
        let _ = writeln!(
            text,
            "### On {}\n\n{} storms, {vms} VMs, each once in every way. In brackets: 95 % intervals.\n",
            on.name(),
            counted.len()
        );
        text += &landed(counted);
        text += &storms(counted);
        text += &by_mix(counted);
        text += &by_fullness(counted);
        text += &worst(counted);
    }
    text
}

/// What becomes of VMs in each mode, and as planned on both hypervisors with intervals.
fn picture(counted: &[(On, Vec<Counted>)]) -> Result<()> {
    let mut script = format!(
        "set terminal svg size 960,420 background 'white' font 'sans-serif,12'\n\
         set output '{PICTURE}'\nset key outside top center horizontal\nset grid ytics\n\
         set yrange [0:100]; set ylabel '% of VMs'; set style data histograms\n\
         set style fill solid 0.9; set boxwidth 0.8; set style histogram rowstacked\n\
         set xtics nomirror\n$all << EOD\n"
    );
    // Of the allocator, which is Xen's.
    for (_, counted) in &counted[counted.len() - 1..] {
        for (index, mode) in MODES.iter().enumerate() {
            let tallies = tallies(counted, index);
            let part = |hits| 100.0 * of_vms(&tallies, hits).value;
            let _ = writeln!(
                script,
                "\"{}\" {} {} {} {}",
                mode.name().replace(", ", "\\n"),
                part(|t| t.planned),
                part(|t| t.spread),
                part(|t| t.failed),
                part(|t| t.refused)
            );
        }
    }
    script += "EOD\n\
        plot $all using 2:xtic(1) lc rgb '#0072b2' title 'as planned', \
             '' using 3 lc rgb '#e69f00' title 'spread', \
             '' using 4 lc rgb '#d55e00' title 'failed late', \
             '' using 5 lc rgb '#999999' title 'refused'\n";
    draw(&script)
}

/// Writes what was counted into the page, between the marks there.
pub fn write(counted: &[(On, Vec<Counted>)]) -> Result<()> {
    picture(counted)?;
    replace_measured(PAGE, "./dev bench --placement --page", &tables(counted))
}

/// The same for storms of real guests.
pub fn replace_real(measured: &str) -> Result<()> {
    replace_measured(PAGE, "./dev bench --placement --xl --page", measured)
}
