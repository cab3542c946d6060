//! Prompts: messages become tokens by the model's chat template.

use std::sync::Arc;

use llama_cpp_2::model::{LlamaChatMessage, LlamaChatTemplate, LlamaModel};
use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::token_type::LlamaTokenAttr;

use super::failed;
use super::lanes::common;
use minions_chat::{ChatError, Message, Role};

/// A prompt in tokens.
pub(super) struct Prompt {
    pub(super) tokens: Vec<LlamaToken>,
    /// How many of the first ones other prompts begin with as well.
    pub(super) shared: usize,
}

/// Renders and tokenises conversations for one model.
pub(super) struct Prompter {
    model: Arc<LlamaModel>,
    template: LlamaChatTemplate,
    /// Whether the template drops system messages, which then go into the first user message.
    folds_system: bool,
    /// The texts of control tokens, which a document must not be able to write.
    control: Vec<String>,
}

impl Prompter {
    /// A prompter with the template `chat_format`, or else with the model's own.
    pub(super) fn new(model: Arc<LlamaModel>, chat_format: Option<&str>) -> Result<Self, ChatError> {
        let template = template(&model, chat_format)?;
        let mut prompter = Self { control: control_texts(&model), model, template, folds_system: false };
        let probe = [Message::system("abc"), Message::user("xyz")];
        let Some(text) = prompter.apply(&probe) else {
            return Err(unknown_template(chat_format));
        };
        prompter.folds_system = !text.contains("abc");
        Ok(prompter)
    }

    /// The prompt for the next reply.
    pub(super) fn prompt(&self, messages: &[Message]) -> Result<Prompt, ChatError> {
        let shared = messages.iter().rfind(|message| message.shared > 0);
        let head = shared.and_then(|message| Some(self.plain(message.content.get(..message.shared)?)));
        let mut messages: Vec<Message> =
            messages.iter().map(|message| Message::new(message.role, self.plain(&message.content))).collect();
        if self.folds_system {
            messages = fold_system(messages);
        }
        let text = self.apply(&messages).ok_or_else(|| unknown_template(None))?;
        let tokenize = |text: &str| self.model.vocab().tokenize(text.as_bytes(), true, true);
        let tokens = tokenize(&text);
        // The last tokens of the head depend on what follows it: they are shared as far as they are the prompt's.
        let end = head
            .as_deref()
            .map(str::trim)
            .filter(|head| !head.is_empty())
            .and_then(|head| Some(text.find(head)? + head.len()));
        let shared = end.map_or(0, |end| common(&tokenize(&text[..end]), &tokens));
        Ok(Prompt { shared: shared.min(tokens.len().saturating_sub(1)), tokens })
    }

    fn apply(&self, messages: &[Message]) -> Option<String> {
        let chat: Vec<_> = messages
            .iter()
            .map(|message| LlamaChatMessage::new(name(message.role).to_owned(), message.content.clone()))
            .collect::<Result<_, _>>()
            .ok()?;
        self.model.apply_chat_template(&self.template, &chat, true).ok()
    }

    /// `content` without NUL bytes, and with a space inside each text that would be read as a control token, so that text
    /// of unknown origin cannot end its own message.
    fn plain(&self, content: &str) -> String {
        let mut content = content.replace('\0', " ");
        for text in self.control.iter().filter(|text| text.len() > 1) {
            if content.contains(text.as_str()) {
                let head = text.chars().next().map_or(0, char::len_utf8);
                content = content.replace(text.as_str(), &format!("{} {}", &text[..head], &text[head..]));
            }
        }
        content
    }
}

fn name(role: Role) -> &'static str {
    match role {
        Role::System => "system",
        Role::User => "user",
        Role::Assistant => "assistant",
    }
}

fn template(model: &LlamaModel, chat_format: Option<&str>) -> Result<LlamaChatTemplate, ChatError> {
    match chat_format {
        Some(name) => LlamaChatTemplate::new(name).map_err(|_| unknown_template(Some(name))),
        None => model.chat_template(None).map_err(|_| {
            failed(
                "the file has no chat template, so it is not known how to write a conversation for the model".to_owned(),
                "set chat_format to the template it was trained with (chatml, llama3, mistral-v7, gemma, ...), or use \
                 an instruct model",
            )
        }),
    }
}

fn unknown_template(chat_format: Option<&str>) -> ChatError {
    let what = match chat_format {
        Some(name) => format!("llama.cpp has no built-in chat template named {name:?}"),
        None => "llama.cpp does not recognise the model's chat template".to_owned(),
    };
    failed(
        what,
        "set chat_format to one of llama.cpp's built-in templates: chatml, llama3, mistral-v7, gemma, phi4, ...",
    )
}

fn control_texts(model: &LlamaModel) -> Vec<String> {
    let vocab = model.vocab();
    vocab
        .tokens()
        .filter(|token| vocab.attr(*token).contains(LlamaTokenAttr::Control))
        .filter_map(|token| String::from_utf8(vocab.token_to_piece(token, true, None)).ok())
        .collect()
}

/// Moves system messages to the start of the first user message.
fn fold_system(messages: Vec<Message>) -> Vec<Message> {
    let (system, mut rest): (Vec<_>, Vec<_>) =
        messages.into_iter().partition(|message| message.role == Role::System);
    let mut instructions = system.into_iter().map(|message| message.content).collect::<Vec<_>>().join("\n\n");
    if instructions.is_empty() {
        return rest;
    }
    match rest.iter_mut().find(|message| message.role == Role::User) {
        Some(first) => {
            instructions.push_str("\n\n");
            first.content.insert_str(0, &instructions);
        }
        None => rest.insert(0, Message::user(instructions)),
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_fold_into_the_first_question() {
        let folded = fold_system(vec![
            Message::system("Be brief."),
            Message::user("Why?"),
            Message::assistant("So."),
            Message::user("And?"),
        ]);
        assert_eq!(
            folded,
            [Message::user("Be brief.\n\nWhy?"), Message::assistant("So."), Message::user("And?")]
        );
        assert_eq!(fold_system(vec![Message::system("S")]), [Message::user("S")]);
    }
}
