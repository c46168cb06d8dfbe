//! Tokens that nobody gave out: any text, or a true one that was damaged.

/// The text as it is or, if it begins with a mark, a true token that its bytes are laid over from some place on; none
/// if that changed nothing.
pub fn from(true_token: &str, input: &str) -> Option<String> {
    let Some(damage) = input.strip_prefix('!') else {
        return Some(input.to_owned());
    };
    let (place, damage) = damage.split_at_checked(1)?;
    let place = usize::from(place.as_bytes()[0]) * 3 % true_token.len();
    let end = (place + damage.len()).min(true_token.len());
    let forged = [&true_token[..place], damage, &true_token[end..]].concat();
    (forged != true_token).then_some(forged)
}
