//! What names and passwords must be like.

use super::model::AuthError;

const NAME_MAX: usize = 64;
const PASSWORD_MIN: usize = 10;
const PASSWORD_MAX: usize = 256;

/// A user's name: letters, digits and `. _ - @`, beginning with a letter or digit.
pub(super) fn user_name(name: &str) -> Result<String, AuthError> {
    let name = name.trim();
    let takes = "Takes letters, digits and . _ - @, at most 64, beginning with a letter or digit.";
    if name.is_empty() {
        return Err(AuthError::field("name", "Enter a name."));
    }
    let fine = name.chars().all(|c| c.is_alphanumeric() || "._-@".contains(c))
        && name.starts_with(char::is_alphanumeric)
        && name.chars().count() <= NAME_MAX;
    if fine { Ok(name.to_owned()) } else { Err(AuthError::field("name", takes)) }
}

/// A new password: long enough, and not the name.
pub(super) fn password(password: &str, name: &str) -> Result<(), AuthError> {
    let length = password.chars().count();
    if length < PASSWORD_MIN {
        return Err(AuthError::field("password", format!("Too short: at least {PASSWORD_MIN} characters.")));
    }
    if password.len() > PASSWORD_MAX {
        return Err(AuthError::field("password", format!("Too long: at most {PASSWORD_MAX} bytes.")));
    }
    if password.eq_ignore_ascii_case(name) {
        return Err(AuthError::field("password", "Must differ from the name."));
    }
    Ok(())
}

/// A token's name.
pub(super) fn token_name(name: &str) -> Result<String, AuthError> {
    let name = name.trim();
    match name.chars().count() {
        0 => Err(AuthError::field("name", "Enter a name that says what the token is for.")),
        1..=64 => Ok(name.to_owned()),
        _ => Err(AuthError::field("name", "Takes at most 64 characters.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_words() {
        assert_eq!(user_name(" marta ").unwrap(), "marta");
        assert!(user_name("ops@example.org").is_ok());
        for bad in ["", "  ", "-x", "a b", "<b>", "a/b"] {
            assert!(user_name(bad).is_err(), "{bad}");
        }
        assert!(user_name(&"x".repeat(65)).is_err());
    }

    #[test]
    fn passwords_are_long_and_not_the_name() {
        assert!(password("correct horse", "marta").is_ok());
        assert!(password("short", "marta").is_err());
        assert!(password("Marta-Marta", "marta-marta").is_err());
        assert!(password(&"x".repeat(300), "marta").is_err());
    }
}
