"""Writes tests/golden/data/text/features.tsv: texts and their features, for tests/text.

text_features.py OUTPUT.tsv

It shares nothing with src/text: categories and names of characters come from Python's unicodedata,
words from a regular expression over the classes of the characters. A line holds how often the
response is repeated, the prompt, the response, and the ten features without the cosine's part: it
is 0. Backslash, newline, carriage return, tab and NUL are escaped.
"""

import math
import pathlib
import random
import re
import sys
import unicodedata
import zlib

SPACELESS = ("CJK UNIFIED IDEOGRAPH", "CJK COMPATIBILITY IDEOGRAPH", "IDEOGRAPHIC ", "HIRAGANA ",
             "KATAKANA", "HALFWIDTH KATAKANA", "VERTICAL KANA", "MASU MARK", "THAI ", "LAO ",
             "KHMER ", "MYANMAR ")
PUNCTUATION = set(',;:()"-') | set("，；：（）“”、،؛")
ENDS = ".!?。！？｡।॥؟۔။។៕։።．"
ENTRY = re.compile(r"[ \t]*(?:[-*•‣⁃∙■□▪▫○●◦]|\d+[.．])")


def class_of(character):
    category = unicodedata.category(character)
    if category == "Nd":
        return "L"
    if category[0] not in "LM":
        return "."
    if unicodedata.name(character, "").startswith(SPACELESS):
        return "A"
    return category[0]


def lower(character):
    return "i" if character == "\u0130" else character.lower()  # the only one that gets longer


def words_of(text):
    classes = "".join(map(class_of, text))
    return ["".join(map(lower, text[match.start():match.end()]))
            for match in re.finditer("A|L[LM]*", classes)]


def features(prompt, response):
    words, asked = words_of(response), words_of(prompt)
    n, c = len(words) + 1, len(response) + 1
    types = set(words)
    size = len(response.encode())
    return [
        math.log(c),
        len(types) / math.sqrt(n),
        math.log(1 + response.count("\n")),
        math.log(1 + sum(ENTRY.match(line) is not None for line in response.split("\n"))),
        sum(map(len, words)) / len(words) if words else 4.0,
        len(zlib.compress(response.encode(), 6)) / (size + 12),
        len(types & set(asked)) / (len(set(asked)) + 1),
        0.0,
        100 * sum(character in PUNCTUATION for character in response) / c,
        math.log(n / (len(re.findall(f"[{re.escape(ENDS)}]+", response)) + 1)),
    ]


PLAIN = [
    ("", ""),
    ("What is it?", ""),
    ("", "An answer without a question."),
    (" \t\n ", " \t\r\n\n  \n"),
    ("How long do eggs boil?", "Boil the eggs for seven minutes, then cool them in cold water."),
    ("same words", "Same WORDS, same words; SAME Words!"),
    ("numbers 3.14", "3.14 and 2,718 and 1e-9: gpt4 beats gpt-3.5 ... or not?! No!!"),
    ("a", "a"),
    ("quotes", "\"straight\" ‘single’ “curly” (round) [square] - – — / & dash-ed"),
    ("list", "Steps:\n- one\n* two\n• three\n1. four\n 12. five\n\t3) six\n4 . seven\n-nine\n---\n"
             "**bold**\n2.5 litres\n+ plus\n◦ inner\n  ▪ inner\n١. arabic\n１．wide\nend - no"),
    ("table", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n"),
    ("code", "```c\nint main(void) {\n\treturn x[0] == '\\0' ? a->b : c_d;\n}\n```\n"),
    ("python", "def f(x):\n    \"\"\"Doc.\"\"\"\n    return {k: v for k, v in x.items()}  # done\n"),
    ("lines\r\nhere", "one\r\ntwo\rthree\x0bfour\x0cfive\u2028six\u2029seven\n"),
    ("nothing but marks", "?!.,;:()\"-。！？，；：（）“”、؟،؛"),
    ("maths", "∑ x² ≤ ½ √2 — ∀ε>0 ∃δ, ℝ→ℂ, H₂O, Ⅷ and ⅷ"),
    ("café", "Café, cafe\u0301 und CAFÉ; naïve nai\u0308ve"),
    ("Straße", "STRASSE Straße straẞe ΣΊΣΥΦΟΣ σίσυφος ΐ İstanbul ıspanak I i Ǆ ǅ ǆ"),
    ("marks alone", "\u0301a \u0301 e\u0301\u0302 ❤\ufe0f 1\ufe0f\u20e3 \u20e3"),
    ("Что это?", "Это ответ на вопрос: да, нет; «возможно» — Вопрос."),
    ("ما هذا؟", "هذا كِتَابٌ جديد، وهو مفيد؛ هل تريده؟ ١٢٣ نعم."),
    ("یہ کیا ہے؟", "یہ ایک کتاب ہے۔ بہت اچھی ہے۔"),
    ("מה זה?", "זֶה סֵפֶר חָדָשׁ, \"ספר\" חדש. צה״ל"),
    ("यह क्या है?", "यह एक पुस्तक है। यह अच्छी है॥ १२३ क्षत्रिय"),
    ("இது என்ன?", "இது ஒரு புத்தகம். நன்றாக உள்ளது!"),
    ("นี่คืออะไร", "นี่คือหนังสือ ๑๒๓ เล่ม ที่ดีมาก ๆ"),
    ("ນີ້ແມ່ນຫຍັງ", "ນີ້ແມ່ນປຶ້ມ ໑໒໓ ຫົວ."),
    ("តើនេះជាអ្វី?", "នេះជាសៀវភៅ។ ល្អណាស់៕ ១២៣"),
    ("ဒါဘာလဲ", "ဒါက စာအုပ်ပါ။ ၁၂၃ အရမ်းကောင်းတယ်၊ ဟုတ်တယ်။"),
    ("这是什么？", "这是一本书，很好；书名：（无）“书”、书。对吗？对！"),
    ("這是什麼", "〇一二三 々 㐀 𠀀𠀁 豈 ｡"),
    ("これは何ですか", "コーヒーとケーキ、ｺｰﾋｰ ﾊﾟﾝ。〆切 〱 ゝゞ ヽヾ か\u3099 〼 ー ～！？"),
    ("이것은 무엇입니까?", "이것은 책입니다. 한국어 글자 ㄱㄴㄷ \u1112\u1161\u11ab"),
    ("ምንድን ነው?", "ይህ መጽሐፍ ነው። ጥሩ ነው።"),
    ("Ի՞նչ է սա", "Սա գիրք է։ Լավ է։"),
    ("რა არის", "ეს წიგნია. ᲔᲡ"),
    ("emoji", "👍🏽 👩‍👩‍👧‍👦 🇩🇪 ☺️ 1️⃣ ok👌ok 😀😀"),
    ("mixed", "GPT模型v2很好ok。kana カナmix漢字 Thaiไทยtext"),
    ("wide", "ＡＢＣ ａｂｃ １２３，１２３"),
    ("private", "\ue000\ue001 \U0010ffff \ufffd \u200b zero\u200bwidth soft\u00adhyphen"),
    ("old scripts", "𒀀𒀁 𓀀𓀁 𐌰𐌱 𝒜𝒷 𝟙𝟚"),
    ("Tibetan", "བོད་སྐད་ཡིག། ཨོཾ"),
]
REPEATED = [
    (1 << 19, "a", "a "),
    (1 << 20, "a", "a"),
    (1 << 20, "", "\n"),
    (1 << 19, "- x", "-\n"),
    ((1 << 20) // 3, "书", "书"),
    ((1 << 20) // 9, "ไทย", "ไทย"),
    (1 << 18, "\U0001f600", "😀"),
    (1 << 10, "of a page", "The quick brown fox, whatever it is called, jumps over 13 lazy dogs.\n"),
]
POOL = ("abcXYZ 0123456789 .,;:!?()\"-\n\t*•'éüßÇ\u0301\u0308 жЩѪ αΩ אבגְ كتابٌ، हिन्दी। ไทย่้ ລາວ ភាសា។ "
        "မြန်မာ။ 书漢字，。 かなカナー々 한글 😀❤\ufe0f\u200d İıẞ ⅷ½² ०१२٣٤ \U0001e900\U0001e922")


def drawn(generator, n):
    return "".join(generator.choice(POOL) for _ in range(n))


def escaped(text):
    for character, code in zip("\\\n\r\t", "\\nrt"):
        text = text.replace(character, "\\" + code)
    return text


def main():
    generator = random.Random(14)
    cases = [(1, *case) for case in PLAIN] + REPEATED
    cases += [(1, drawn(generator, generator.randrange(40)), drawn(generator, 3 * i))
              for i in range(80)]
    lines = []
    for times, prompt, response in cases:
        numbers = "\t".join(f"{value:.17g}" for value in features(prompt, response * times))
        lines.append(f"{times}\t{escaped(prompt)}\t{escaped(response)}\t{numbers}\n")
    pathlib.Path(sys.argv[1]).write_text("".join(lines), encoding="utf-8", newline="")


if __name__ == "__main__":
    main()
