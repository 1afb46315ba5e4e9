"""Guards see what makes another question of similar words, and leave alone what does not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.caching.verify import guards
from gateway.caching.verify.words import read

DIFFERENT = [
    # numbers
    ("numbers", "How do I split a bill by 3?", "How do I split a bill by 4?"),
    ("numbers", "What is 15 % of 80?", "What is 15 % of 90?"),
    ("numbers", "Is 1.5 litres enough?", "Is 15 litres enough?"),
    ("numbers", "How can I lose weight?", "How can I lose weight in 2 months?"),
    ("numbers", "What happens at -5 degrees?", "What happens at 5 degrees?"),
    ("numbers", "Flights for two people", "Flights for three people"),
    ("numbers", "Is an iPhone 6 waterproof?", "Is an iPhone 6s waterproof?"),
    ("numbers", "What is a B1 visa?", "What is a B2 visa?"),
    ("numbers", "Who was the second president?", "Who was the third president?"),
    ("numbers", "Can I withdraw 2k?", "Can I withdraw 20k?"),
    ("numbers", "What changed in version 3.1.2?", "What changed in version 3.1.3?"),
    ("numbers", "Is it 10:30 there?", "Is it 11:30 there?"),
    # units
    ("units", "How far is 5 km?", "How far is 5 miles?"),
    ("units", "What is 300 dollars worth?", "What is 300 euros worth?"),
    ("units", "What are $20 worth?", "What are €20 worth?"),
    ("units", "How many days until then?", "How many hours until then?"),
    ("units", "Is 38 celsius hot?", "Is 38 fahrenheit hot?"),
    ("units", "Call me at 9 am", "Call me at 9 pm"),
    ("units", "Does it take 30 s?", "Does it take 30 min?"),
    # dates
    ("dates", "Who is on call on Monday?", "Who is on call on Tuesday?"),
    ("dates", "What is due in May?", "What is due in June?"),
    ("dates", "What is the weather today?", "What is the weather tomorrow?"),
    ("dates", "How much did we sell last month?", "How much did we sell last year?"),
    ("dates", "What happened on 2024-05-01?", "What happened on 2024-06-01?"),
    ("dates", "What happened on 01/02/2024?", "What happened on 02/01/2024?"),
    ("dates", "What is the weather?", "What is the weather tomorrow?"),
    # names
    ("names", "What is the capital of France?", "What is the capital of Finland?"),
    ("names", "Is it legal to own one in Colorado?", "Is it legal to own one in Alaska?"),
    ("names", "Does it work with GitHub?", "Does it work with GitLab?"),
    ("names", "What do you think of commonfig.com?", "What do you think of edumor.com?"),
    ("names", 'How do I use "affect" in a sentence?', 'How do I use "effect" in a sentence?'),
    ("names", "What does the NHS pay?", "What does the NASA pay?"),
    # negation
    ("negation", "Which foods can dogs eat?", "Which foods can dogs not eat?"),
    ("negation", "Why does my code compile?", "Why doesn't my code compile?"),
    ("negation", "Why don’t they reply?", "Why do they reply?"),
    ("negation", "How do I log in with a password?", "How do I log in without a password?"),
    ("negation", "Is it ever allowed?", "Is it never allowed?"),
    # opposites
    ("opposites", "How do I enable notifications?", "How do I disable notifications?"),
    ("opposites", "How do I increase the volume?", "How do I decrease the volume?"),
    ("opposites", "What should I do before surgery?", "What should I do after surgery?"),
    ("opposites", "What are arguments for virtue ethics?", "What are arguments against virtue ethics?"),
    ("opposites", "Is the seed edible?", "Is the seed inedible?"),
    ("opposites", "What are the advantages of a loan?", "What are the disadvantages of a loan?"),
    # order
    (
        "order",
        "What are the fastest flights from Paris to London?",
        "What are the fastest flights from London to Paris?",
    ),
    ("order", "How do I convert miles to kilometres?", "How do I convert kilometres to miles?"),
    ("order", "Do dogs bite cats?", "Do cats bite dogs?"),
    ("order", "Is Messi better than Ronaldo?", "Is Ronaldo better than Messi?"),
    ("order", "Is there life after death?", "Is there death after life?"),
    (
        "order",
        "Which questions belong to human behavior topic and not to human nature topic?",
        "Which questions belong to human nature topic and not to human behavior topic?",
    ),
    # symbols
    ("symbols", "When is a < b?", "When is a > b?"),
    ("symbols", "What is 7 + 5?", "What is 7 * 5?"),
    ("symbols", "Which IDE is good for C++?", "Which IDE is good for C?"),
    ("symbols", "Which IDE is good for C#?", "Which IDE is good for C++?"),
    # language
    ("language", "北京的天气怎么样？", "上海的天气怎么样？"),
    ("language", "Как сбросить пароль?", "Как изменить пароль?"),
    ("language", "Wie kann man hier ein neues Passwort setzen?", "Wie kann man hier ein altes Passwort sehen?"),
    # long texts
    (
        "long_text",
        "Please check this text. " + "It goes on and on and says little. " * 12 + "Is it kind?",
        "Please check this text. " + "It goes on and on and says little. " * 12 + "Is it rude?",
    ),
]

SAME = [
    ("How do I reset my password?", "how can I reset my password"),
    ("Is 1,000 enough?", "Is 1000 enough?"),
    ("Is 1.5 litres enough?", "Are 1.5 liters enough?"),
    ("Flights for 2 people", "Flights for two people"),
    ("Which phone is best under Rs.500?", "Which phone is best under 500 rupees?"),
    ("Can I get a loan of $5,000?", "Can I get a loan of 5000 dollars?"),
    ("Can I get 20k?", "Can I get 20,000?"),
    ("What happened on 2024-05-01?", "What happened on May 1, 2024?"),
    ("Who is the 1st?", "Who is the 1 st?"),
    ("What is the weather?", "What is the weather today?"),
    ("When may I leave?", "When can I leave?"),
    ("How do I march in step?", "How can I march in step?"),
    ("What is the capital of France?", "what's the capital of france?"),
    ("Is it legal in the USA?", "Is it legal in America?"),
    ("How did the Rothschild family begin?", "How did the Rothchild family begin?"),
    ("Does it work with GitHub?", "Does it work with git hub?"),
    ("How do I see a doctor on the NHS?", "How do I see a doctor of the National Health Service?"),
    ("What Is The Best Way To Learn Chess?", "What is the best way to learn chess?"),
    ("Why can't I log in?", "Why am I unable to log in?"),
    ("Should I learn it? Why or why not?", "Should I learn it?"),
    ("How easy is it to open a shop?", "How hard is it to open a shop?"),
    ("Which is the best novel for students?", "Which novel is best for students?"),
    ("In Ahmedabad, which is the best college?", "Which is the best college in Ahmedabad?"),
    ("What is the difference between cats and dogs?", "What is the difference between dogs and cats?"),
    ("How far is the sun from the earth?", "How far is the earth from the sun?"),
    ("Is Java, Rust or Go faster?", "Is Go, Rust or Java faster?"),
    ("What is India's national language?", "What is the national language of India?"),
    ("What are the pros & cons of children?", "What are the pros and cons of children?"),
    ("Does a non-stop flight exist?", "Does a nonstop flight exist?"),
    ("北京的天气怎么样？", "北京的天气怎么样"),
    ("Wie kann ich das Passwort ändern?", "Wie kann ich das Passwort ändern"),
]


@pytest.mark.parametrize(("name", "asked", "cached"), DIFFERENT)
def test_a_guard_objects(name: str, asked: str, cached: str):
    assert name in guards.vetoes(read(asked), read(cached))
    assert name in guards.vetoes(read(cached), read(asked))


@pytest.mark.parametrize(("asked", "cached"), SAME)
def test_no_guard_objects(asked: str, cached: str):
    assert guards.vetoes(read(asked), read(cached)) == ()
    assert guards.vetoes(read(cached), read(asked)) == ()


def test_a_long_text_may_differ_in_what_carries_no_content():
    long = "Please check this text for me. " + "It goes on and on and says little. " * 12
    assert guards.vetoes(read(long + "Is it kind?"), read(long + "is it  kind")) == ()
    assert guards.vetoes(read(long + "Is it kind?"), read(long + "Was it kind?")) == ()


def test_every_guard_has_a_case():
    assert {name for name, _, _ in DIFFERENT} == set(guards.NAMES)


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_can_be_read_and_the_order_does_not_matter(left: str, right: str):
    assert guards.vetoes(read(left), read(right)) == guards.vetoes(read(right), read(left))


@given(st.text(max_size=300))
def test_no_guard_objects_to_the_same_text(text: str):
    assert guards.vetoes(read(text), read(text)) == ()


_NEAR_TEXTS = st.lists(
    st.sampled_from(
        [
            "how",
            "do",
            "I",
            "convert",
            "5",
            "km",
            "miles",
            "from",
            "to",
            "Paris",
            "London",
            "not",
            "don't",
            "3.5",
            "-2",
            "1,000",
            "%",
            "$20",
            "May",
            "2024-01-02",
            "last",
            "week",
            "C++",
            "a<b",
            '"x"',
            "6s",
            "half-past",
        ]
    ),
    max_size=12,
).map(" ".join)


@given(_NEAR_TEXTS, _NEAR_TEXTS)
def test_the_order_does_not_matter_where_guards_have_something_to_see(left: str, right: str):
    assert guards.vetoes(read(left), read(right)) == guards.vetoes(read(right), read(left))
    assert guards.vetoes(read(left), read(left)) == ()
