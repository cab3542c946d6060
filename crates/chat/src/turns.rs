//! Conversations in the forms that picky servers take.

use super::{Message, Role};

/// `messages` without empty ones, which some servers refuse, and with neighbours of the same role joined.
pub(crate) fn merged(messages: &[Message]) -> Vec<Message> {
    let mut turns: Vec<Message> = Vec::new();
    for message in messages.iter().filter(|message| !message.content.trim().is_empty()) {
        match turns.last_mut() {
            Some(last) if last.role == message.role => {
                last.content += "\n\n";
                let begin = last.content.len();
                last.content += &message.content;
                last.own.extend(message.own.iter().map(|own| own.start + begin..own.end + begin));
                last.images.extend(message.images.iter().cloned());
            }
            _ => turns.push(message.clone()),
        }
    }
    turns
}

/// `messages` for a model that knows no instructions: these stand at the front of the first user message, and the roles
/// alternate.
pub(crate) fn without_system(messages: &[Message]) -> Vec<Message> {
    let (system, others): (Vec<_>, Vec<_>) =
        messages.iter().cloned().partition(|message| message.role == Role::System);
    let instructions = system.into_iter().map(|message| Message { role: Role::User, ..message });
    merged(&instructions.chain(others).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_move_to_the_front_of_the_first_question() {
        let asked = [
            Message::system("Be brief."),
            Message::user("Who?"),
            Message::assistant("He."),
            Message::user("Why?"),
        ];
        let [first, rest @ ..] = &without_system(&asked)[..] else { panic!("no messages") };
        assert_eq!(*first, Message::user("Be brief.\n\nWho?"));
        assert_eq!(rest, &asked[2..]);
        // The job's own words stay its own.
        let own = without_system(&[asked[0].clone().own(), asked[1].clone().own()]);
        assert_eq!(own[0].own, [0..9, 11..15]);
        // Also where nothing is asked yet, and where roles do not alternate.
        assert_eq!(without_system(&asked[..1]), [Message::user("Be brief.")]);
        let twice = [Message::user("Read this."), Message::user("Who?"), Message::system("Be brief.")];
        assert_eq!(without_system(&twice), [Message::user("Be brief.\n\nRead this.\n\nWho?")]);
    }
}
