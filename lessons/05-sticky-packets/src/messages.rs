/// The five messages, 27 bytes together. Their characters are one, two and three bytes long.
pub const MESSAGES: [&str; 5] = ["hej", "привет", "hi", "hola", "你好"];
