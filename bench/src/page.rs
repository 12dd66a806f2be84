//! The figures as tables in Markdown and as a picture.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::process::{Command, Stdio};

use anyhow::{ensure, Context, Result};

use crate::allocator::Claims;
use crate::install::Point;
use crate::outside::Call;
use crate::rounds::Median;
use crate::Report;

const PAGE: &str = "docs/performance.md";
const PICTURE: &str = "docs/performance.svg";
const END: &str = "<!-- to here -->\n";

/// A table; the first row is its head.
pub(crate) fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.first().map_or(0, Vec::len);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns)
        .map(|column| width(column).unwrap_or(0))
        .collect();
    let mut text = String::new();
    for (index, row) in rows.iter().enumerate() {
        for (cell, width) in row.iter().zip(&widths) {
            let _ = write!(text, "| {cell:width$} ");
        }
        text += "|\n";
        if index == 0 {
            for width in &widths {
                let _ = write!(text, "| {} ", "-".repeat(*width));
            }
            text += "|\n";
        }
    }
    text + "\n"
}

pub(crate) fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// With as many digits as are of use.
fn number(value: f64) -> String {
    match value.abs() {
        size if size >= 1e6 => format!("{:.2} M", value / 1e6),
        size if size >= 1e4 => format!("{:.1} k", value / 1e3),
        size if size >= 100.0 => format!("{value:.0}"),
        _ => format!("{value:.1}"),
    }
}

fn spread(ratio: &Median) -> String {
    format!(
        "{:.2} ({:.2} to {:.2})",
        ratio.median, ratio.low, ratio.high
    )
}

fn both(pair: Option<(f64, f64)>) -> String {
    pair.map_or(String::new(), |(ours, other)| {
        format!("{ours:.0} : {other:.0}")
    })
}

fn binding(report: &Report) -> String {
    let head = [
        "",
        "ours, ns",
        "plain C, ns",
        "ratio",
        "OCaml words",
        "mallocs",
    ];
    let mut rows = vec![row(head)];
    for call in &report.binding.calls {
        let Call { name, ns, .. } = call;
        rows.push(vec![
            name.clone(),
            number(ns.ours.median),
            number(ns.other.median),
            spread(&ns.ratio),
            both(call.words),
            both(call.mallocs),
        ]);
    }
    let mut text =
        String::from("### Binding\n\nCPU time of a call from OCaml, hypervisor excluded.\n\n");
    text += &table(&rows);

    text += "Where the time of our SET goes, in nanoseconds.\n\n";
    let mut rows = vec![row([
        "entries",
        "into Rust and back",
        "read the array",
        "check it",
        "share the handle",
        "OCaml's lock",
        "write entries, call",
    ])];
    for steps in &report.binding.steps {
        let mut cells = vec![steps.entries.to_string()];
        cells.extend(steps.ns.iter().map(|ns| format!("{ns:.0}")));
        rows.push(cells);
    }
    text += &table(&rows);

    text += "Several OCaml domains at once, through one handle: wall time by calls of all.\n\n";
    let mut rows = vec![row(["", "domains", "ours, ns", "plain C, ns", "ratio"])];
    for Call {
        name, domains, ns, ..
    } in &report.binding.domains
    {
        let ours = number(ns.ours.median);
        let domains = domains.to_string();
        rows.push(vec![
            name.clone(),
            domains,
            ours,
            number(ns.other.median),
            spread(&ns.ratio),
        ]);
    }
    text + &table(&rows)
}

fn allocator(report: &Report) -> String {
    let head = [
        "nodes",
        "claims of",
        "order",
        "instructions, patched",
        "stock",
        "ratio",
        "ns, patched",
        "stock",
        "ratio",
    ];
    let mut rows = vec![row(head)];
    for point in &report.allocator {
        let (patched, stock) = point.instructions;
        let claims = match point.claims {
            Claims::None => "nobody",
            Claims::Own => "this domain",
            Claims::OwnByAffinity => "this, by affinity",
            Claims::Others => "100 others",
        };
        rows.push(vec![
            point.nodes.to_string(),
            claims.to_owned(),
            point.order.to_string(),
            number(patched),
            number(stock),
            format!("{:.4}", patched / stock),
            number(point.ns.ours.median),
            number(point.ns.other.median),
            spread(&point.ns.ratio),
        ]);
    }
    "### Allocator\n\nAn extent of 2^order pages, given and taken back.\n\n".to_owned()
        + &table(&rows)
}

fn install(report: &Report) -> String {
    let head = ["call", "entries", "nodes", "domains", "instructions", "ns"];
    let mut rows = vec![row(head)];
    for point in &report.install {
        rows.push(vec![
            point.call.clone(),
            point.entries.to_string(),
            point.nodes.to_string(),
            point.domains.to_string(),
            number(point.instructions),
            format!(
                "{:.0} ({:.0} to {:.0})",
                point.ns.median, point.ns.low, point.ns.high
            ),
        ]);
    }
    "### Under the heap lock\n\nOne call.\n\n".to_owned() + &table(&rows)
}

fn embedded(report: &Report) -> String {
    let mut rows = vec![row([
        "call",
        "nodes",
        "threads",
        "calls per second",
        "95 % sure of",
    ])];
    for point in &report.embedded {
        let Median { median, low, high } = point.per_second;
        rows.push(vec![
            point.call.to_uppercase(),
            point.nodes.to_string(),
            point.threads.to_string(),
            number(median),
            format!("{} to {}", number(low), number(high)),
        ]);
    }
    "### Embedded hypervisor\n\n".to_owned() + &table(&rows)
}

fn storm(report: &Report) -> String {
    let mut rows = vec![row(["VMs", "seconds", "µs per VM", "peak memory, MiB"])];
    for storm in &report.storm {
        rows.push(vec![
            storm.vms.to_string(),
            format!("{:.2}", storm.seconds),
            format!("{:.0}", storm.seconds * 1e6 / storm.vms as f64),
            format!("{:.0}", storm.peak_mib),
        ]);
    }
    "### Storm\n\nVMs on 64 nodes, by 64 builders, on the embedded hypervisor.\n\n".to_owned()
        + &table(&rows)
}

/// Everything, as Markdown.
pub fn tables(report: &Report) -> String {
    let parts = [binding, allocator, install, embedded, storm];
    let mut text = format!("On {}, in {:.0} s.\n\n", report.machine, report.seconds);
    for part in parts {
        text += &part(report);
    }
    text
}

/// Four graphs: what a SET costs by its entries, in the binding and under the lock; what others cost
/// it; how the storm grows.
fn picture(report: &Report) -> Result<()> {
    let mut script = format!(
        "set terminal svg size 960,640 background 'white' font 'sans-serif,12'\n\
         set output '{PICTURE}'\nset multiplot layout 2,2\nset key top left\nset grid\n"
    );
    let mut data = |name: &str, points: &mut dyn Iterator<Item = (f64, f64, f64)>| {
        let _ = writeln!(script, "${name} << EOD");
        for (x, first, second) in points {
            let _ = writeln!(script, "{x} {first} {second}");
        }
        let _ = writeln!(script, "EOD");
    };
    let calls = report.binding.calls.iter();
    data(
        "binding",
        &mut calls.filter_map(|call| {
            let entries = call.name.strip_prefix("SET of ")?.parse().ok()?;
            Some((entries, call.ns.ours.median, call.ns.other.median))
        }),
    );
    for call in ["SET", "GET"] {
        // Some points are measured twice, as a part of two rows.
        let of = |wanted: fn(&Point) -> Option<usize>| {
            let points = report
                .install
                .iter()
                .filter(|point| point.call == call && point.nodes == 64);
            let points = points.filter_map(|point| Some((wanted(point)?, point)));
            let by_size: BTreeMap<usize, &Point> = points.collect();
            by_size
                .into_iter()
                .map(|(size, point)| (size as f64, point.instructions, point.ns.median))
        };
        data(
            call,
            &mut of(|point| (point.domains == 1).then_some(point.entries)),
        );
        data(
            &format!("{call}_domains"),
            &mut of(|point| (point.entries == 4).then_some(point.domains)),
        );
    }
    let recall = report.install.iter().filter(|p| p.call == "recall");
    data(
        "recall",
        &mut recall.map(|p| (p.domains as f64, p.instructions, p.ns.median)),
    );
    data(
        "storm",
        &mut report.storm.iter().map(|storm| {
            (
                storm.vms as f64,
                storm.seconds * 1e6 / storm.vms as f64,
                storm.peak_mib,
            )
        }),
    );
    script += "set yrange [0:*]\n\
        set title 'Binding: SET from OCaml'; set xlabel 'entries'; set ylabel 'ns'\n\
        plot $binding using 1:2 with linespoints title 'ours', \
             $binding using 1:3 with linespoints title 'plain C'\n\
        set title 'Under the heap lock'; set ylabel 'instructions'\n\
        plot $SET using 1:2 with linespoints title 'SET', $GET using 1:2 with linespoints title 'GET'\n\
        set title 'Under the heap lock'; set xlabel 'domains with claims'; set logscale xy; set yrange [100:*]\n\
        plot $SET_domains using 1:2 with linespoints title 'SET of 4', \
             $GET_domains using 1:2 with linespoints title 'GET of 4', \
             $recall using 1:2 with linespoints title 'recall'\n\
        unset logscale; set yrange [0:*]; set key bottom right; set xtics 2500\n\
        set title 'Storm: 64 nodes, 64 builders'; set xlabel 'VMs'; set ylabel 'µs per VM'\n\
        set y2label 'peak MiB'; set y2tics; set y2range [0:*]; set ytics nomirror\n\
        plot $storm using 1:2 with linespoints title 'time', \
             $storm using 1:3 axes x1y2 with linespoints title 'memory'\n";
    draw(&script)
}

/// Has gnuplot carry out `script`.
pub(crate) fn draw(script: &str) -> Result<()> {
    let mut gnuplot = Command::new("gnuplot")
        .stdin(Stdio::piped())
        .spawn()
        .context("gnuplot")?;
    let stdin = gnuplot.stdin.take().context("no pipe")?;
    std::io::Write::write_all(&mut { stdin }, script.as_bytes())?;
    let status = gnuplot.wait()?;
    ensure!(status.success(), "gnuplot ended with {status}");
    Ok(())
}

/// Replaces what is between the marks on `page`, the first of which names the command that does it.
pub(crate) fn replace_measured(page: &str, command: &str, measured: &str) -> Result<()> {
    let begin = format!("<!-- written by {command}: from here -->\n");
    let text = fs::read_to_string(page).context(page.to_owned())?;
    let marks = || format!("{page} lost its marks");
    let (before, rest) = text.split_once(&begin).with_context(marks)?;
    let (_, after) = rest.split_once(END).with_context(marks)?;
    fs::write(page, format!("{before}{begin}\n{measured}{END}{after}"))?;
    Ok(())
}

/// Writes what was measured into the page, between the marks there.
pub fn write(report: &Report) -> Result<()> {
    picture(report)?;
    replace_measured(PAGE, "./dev bench --page", &tables(report))
}
