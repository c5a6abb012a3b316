//! Patterns that people type to choose containers: `cache-*, project:shop, image:postgres*`.

use wildmatch::WildMatch;

/// How many patterns one text may hold.
const MOST: usize = 50;

/// What a pattern is held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Image,
    Project,
}

/// What is known of the one that is matched.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its image as it was asked for.
    pub image: &'a str,
    /// Its Compose project; empty without one.
    pub project: &'a str,
}

/// Patterns, any of which may fit. `*` stands for any characters, `?` for one; case does not matter.
#[derive(Debug, Clone, Default)]
pub struct Patterns(Vec<(Field, WildMatch)>);

impl Patterns {
    /// Reads patterns that are separated by commas or spaces. Errors: the part that is not understood.
    pub fn parse(text: &str) -> Result<Self, String> {
        let words: Vec<&str> =
            text.split([',', ' ', '\t', '\n', '\r']).filter(|word| !word.is_empty()).collect();
        if words.len() > MOST {
            return Err(format!("There are {} patterns, and {MOST} at most are taken.", words.len()));
        }
        words.into_iter().map(pattern).collect::<Result<_, _>>().map(Self)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether any fits.
    pub fn fit(&self, known: Traits<'_>) -> bool {
        self.0.iter().any(|(field, wild)| {
            let text = match field {
                Field::Name => known.name,
                Field::Image => known.image,
                Field::Project => known.project,
            };
            !text.is_empty() && wild.matches(&text.to_lowercase())
        })
    }
}

fn pattern(word: &str) -> Result<(Field, WildMatch), String> {
    let (field, glob) = match word.split_once(':') {
        None => (Field::Name, word),
        Some(("name", glob)) => (Field::Name, glob),
        Some(("image", glob)) => (Field::Image, glob),
        Some(("project", glob)) => (Field::Project, glob),
        Some(_) => {
            return Err(format!(
                "{word:?} is not understood: a pattern is a name, image:… or project:…, with * for any characters."
            ));
        }
    };
    if glob.is_empty() {
        return Err(format!("{word:?} says nothing behind the colon."));
    }
    Ok((field, WildMatch::new(&glob.to_lowercase())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHOP: Traits<'_> = Traits { name: "shop-web-1", image: "docker.io/nginx:1.27", project: "shop" };

    fn fits(text: &str) -> bool {
        Patterns::parse(text).unwrap().fit(SHOP)
    }

    #[test]
    fn a_pattern_is_held_against_name_image_or_project() {
        for text in ["shop-*", "SHOP-web-?", "image:*nginx:1.27", "project:shop", "nobody, project:sh*"] {
            assert!(fits(text), "{text}");
        }
        for text in ["", "shop", "web", "image:nginx", "project:shopping", "name:other"] {
            assert!(!fits(text), "{text}");
        }
        assert!(!Patterns::parse("project:*").unwrap().fit(Traits { name: "alone", ..Traits::default() }));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        for text in ["colour:red", "ok, image:", ":x"] {
            let why = Patterns::parse(text).unwrap_err();
            assert!(why.contains('"'), "{why}");
        }
        assert!(Patterns::parse(&"a ".repeat(51)).is_err());
    }
}
