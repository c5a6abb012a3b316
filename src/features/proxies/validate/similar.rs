//! Names that are nearly the same.

/// The one of `known` that is called nearly like `name`: with something before or behind it, or two letters off.
pub(super) fn similar<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = name.rsplit('/').next().unwrap_or(name);
    let wanted = wanted.split('.').next().unwrap_or(wanted).to_ascii_lowercase();
    // Of a short word, everything is nearly the same.
    if wanted.len() < 3 {
        return None;
    }
    let far = |known: &str| {
        let known = known.to_ascii_lowercase();
        if known.contains(&wanted) { 1 } else { distance(&wanted, &known) }
    };
    known
        .map(|known| (far(known), known))
        .filter(|(far, _)| *far <= 2)
        .min_by_key(|(far, _)| *far)
        .map(|(_, known)| known)
}

/// How many letters two words differ in (Levenshtein), up to 3.
fn distance(one: &str, other: &str) -> usize {
    if one.len().abs_diff(other.len()) > 2 {
        return 3;
    }
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.bytes().enumerate() {
        let mut next = vec![i + 1];
        for ((b, above), diagonal) in other.bytes().zip(row.iter().skip(1)).zip(row.iter()) {
            let left = next.last().copied().unwrap_or_default();
            next.push((above + 1).min(left + 1).min(diagonal + usize::from(a != b)));
        }
        row = next;
    }
    row.last().copied().unwrap_or_default().min(3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_similar_with_a_letter_off_or_as_a_part() {
        let known = ["postgres", "shop-blog-1", "grafana"];
        let of = |name: &str| similar(name, known.into_iter());
        assert_eq!(of("graphana"), Some("grafana"));
        assert_eq!(of("Grafana.lan"), Some("grafana"));
        assert_eq!(of("shop/blog"), Some("shop-blog-1"));
        assert_eq!((of("mysql"), of("gr"), of("")), (None, None, None));
    }
}
