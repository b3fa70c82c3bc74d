# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
"""Turns the tables of knowledge.py into conversations. Deterministic for a seed.

A conversation is a list of (role, text). Which combinations of subject and wording are held out is decided by a hash, so
that the held-out text asks known facts in combinations that training never showed."""

import random
import zlib

from knowledge import FINISHES, GLUES, PROJECTS, SAFETY, STEPS, TERMS, TOOLS, TROUBLES, WOODS

BEGIN, END = "<|begin|>", "<|end|>"
ROLES = ("<|system|>", "<|user|>", "<|assistant|>")
SYSTEM = ["You are a friendly companion in the wood shop.", "Answer in whole sentences about wood and inlay.",
          "You help people who make pictures of wood."]


def held_out(*key):
    """One combination in sixteen is kept for the held-out text."""
    return zlib.crc32("|".join(key).encode()) % 16 == 0


def article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


def capital(text):
    return text[0].upper() + text[1:]


def hardness_word(newtons):
    for limit, word in ((2000, "very soft"), (3500, "soft"), (5200, "of middle hardness"), (7000, "hard"),
                        (10000, "very hard")):
        if newtons < limit:
            return word
    return "extremely hard"


def maybe(r, text, chance=0.5):
    return text if r.random() < chance else ""


# Each talk_* returns (key for the hold-out, [question, answer, question, answer ...]).

def talk_wood_colour(r):
    name = r.choice(list(WOODS))
    colour, _, _, grain, use, remark = WOODS[name]
    q, k = pick(r, [f"What colour is {name}?", f"Which colour does {name} have?", f"Tell me the colour of {name}.",
                    f"How does {name} look?", f"What does {name} look like?", f"Can you describe the look of {name}?"])
    a = r.choice([f"{capital(name)} is {colour}, and its grain is {grain}.",
                  f"The wood of {name} is {colour}. Its grain is {grain}.",
                  f"{capital(name)} has a {colour} colour, with a grain that is {grain}."])
    a += maybe(r, f" {remark}.") + maybe(r, f" People use it for {use}.", 0.4)
    return (name, "colour", k), [q, a]


def talk_wood_hardness(r):
    name = r.choice(list(WOODS))
    newtons = WOODS[name][1]
    q, k = pick(r, [f"How hard is {name}?", f"Is {name} a hard wood?", f"Is {name} soft or hard?",
                    f"What is the hardness of {name}?", f"Will {name} be hard to cut?"])
    a = r.choice([f"{capital(name)} is {hardness_word(newtons)}: its Janka hardness is about {newtons} newtons.",
                  f"With about {newtons} newtons on the Janka scale, {name} is {hardness_word(newtons)}."])
    if newtons >= 10000:
        a += r.choice([" Use a fresh blade and feed it slowly.", " It blunts tools, so sharpen often."])
    elif newtons < 3500:
        a += r.choice([" A fingernail can mark it.", " Sand it gently, or you will round every edge."])
    return (name, "hard", k), [q, a]


def talk_wood_origin(r):
    name = r.choice(list(WOODS))
    _, _, origin, _, use, remark = WOODS[name]
    q, k = pick(r, [f"Where does {name} grow?", f"Where does {name} come from?", f"What is the home of {name}?",
                    f"From which part of the world is {name}?"])
    a = r.choice([f"{capital(name)} grows in {origin}.", f"{capital(name)} comes from {origin}.",
                  f"The home of {name} is {origin}."])
    a += maybe(r, f" It is good for {use}.") + maybe(r, f" {remark}.", 0.4)
    return (name, "origin", k), [q, a]


def talk_wood_use(r):
    name = r.choice(list(WOODS))
    colour, _, _, _, use, remark = WOODS[name]
    q, k = pick(r, [f"What is {name} good for?", f"What can I make from {name}?", f"How is {name} used in inlay?",
                    f"When would you choose {name}?", f"Should I buy some {name}?"])
    a = r.choice([f"{capital(name)} is good for {use}.", f"Choose {name} for {use}.",
                  f"I would take {name} for {use}, because it is {colour}."])
    a += r.choice(["", f" {remark}.", f" Keep in mind one thing. {remark}."])
    return (name, "use", k), [q, a]


def talk_wood_remark(r):
    name = r.choice(list(WOODS))
    q, k = pick(r, [f"What is special about {name}?", f"What should I know about {name}?",
                    f"Tell me something about {name}.", f"Is there anything odd about {name}?"])
    colour, newtons, origin, _, _, remark = WOODS[name]
    a = f"{remark}."
    a += r.choice(["", f" {capital(name)} is {colour} and comes from {origin}.",
                   f" Also, {name} is {hardness_word(newtons)}."])
    return (name, "remark", k), [q, a]


def talk_compare(r):
    one, two = r.sample(list(WOODS), 2)
    a_n, b_n = WOODS[one][1], WOODS[two][1]
    if abs(a_n - b_n) < 300:
        return talk_contrast(r)
    harder, softer = (one, two) if a_n > b_n else (two, one)
    q, k = pick(r, [f"Which is harder, {one} or {two}?", f"Is {one} harder than {two}?",
                    f"Compare the hardness of {one} and {two}."])
    verdict = f"{capital(harder)} is harder than {softer}"
    if k == "1":
        verdict = ("Yes, " if harder == one else "No, ") + f"{harder} is harder than {softer}"
    a = r.choice([f"{verdict}: {WOODS[harder][1]} newtons against {WOODS[softer][1]}.",
                  f"{verdict}. One has {WOODS[harder][1]} newtons on the Janka scale, the other {WOODS[softer][1]}."])
    return (one, two, "compare", k), [q, a]


def talk_contrast(r):
    one, two = r.sample(list(WOODS), 2)
    q, k = pick(r, [f"Do {one} and {two} look good together?", f"Can I put {one} beside {two}?",
                    f"How do {one} and {two} differ in colour?"])
    a = f"{capital(one)} is {WOODS[one][0]} and {two} is {WOODS[two][0]}."
    a += r.choice([" Hold both in daylight before you decide.", " Wet them to see how the finish will change them.",
                   " Let the darker one draw the outline."])
    return (one, two, "contrast", k), [q, a]


def talk_tool_use(r):
    name = r.choice(list(TOOLS))
    purpose, care, mistake, remedy = TOOLS[name]
    q, k = pick(r, [f"What is {article(name)} for?", f"What do I need {article(name)} for?",
                    f"When do I use {article(name)}?", f"Do I need {article(name)}?"])
    a = r.choice([f"{capital(article(name))} is for {purpose}.", f"You use {article(name)} for {purpose}."])
    a += r.choice(["", f" To keep it well, {care}.", f" A common mistake is {mistake}."])
    return (name, "tool", k), [q, a]


def talk_tool_care(r):
    name = r.choice(list(TOOLS))
    purpose, care, _, _ = TOOLS[name]
    q, k = pick(r, [f"How do I look after my {name}?", f"How do I keep {article(name)} in good order?",
                    f"What care does {article(name)} need?"])
    a = r.choice([f"To look after your {name}, {care}.", f"{capital(care)}.",
                  f"It is simple: {care}. Then it will serve you well for {purpose}."])
    return (name, "care", k), [q, a]


def talk_tool_mistake(r):
    name = r.choice(list(TOOLS))
    _, care, mistake, remedy = TOOLS[name]
    q, k = pick(r, [f"What do beginners do wrong with {article(name)}?", f"Any advice for using {article(name)}?",
                    f"How do I use {article(name)} well?"])
    a = r.choice([f"A common mistake is {mistake}. Instead, {remedy}.",
                  f"{capital(remedy)}. Beginners spoil work by {mistake}."])
    a += maybe(r, f" And {care}.", 0.3)
    return (name, "mistake", k), [q, a]


def talk_glue(r):
    name = r.choice(list(GLUES))
    time, good, bad, removal = GLUES[name]
    q, k = pick(r, [f"What is {name} good for?", f"How long can I work with {name}?", f"How do I remove {name}?",
                    f"What is the drawback of {name}?", f"Tell me about {name}."])
    answers = {"0": f"{capital(name)} is good for {good}.", "1": f"With {name} you have {time}.",
               "2": f"You can remove {name} with {removal}.", "3": f"The drawback of {name} is that {bad}.",
               "4": f"{capital(name)} is good for {good}, but {bad}."}
    a = answers[k] + r.choice(["", f" It leaves you {time}.", f" Remember that {bad}."] if k in "04" else
                              ["", f" It is good for {good}."])
    return (name, "glue", k), [q, a]


def talk_which_glue(r):
    name = r.choice(list(GLUES))
    time, good, bad, _ = GLUES[name]
    q, k = pick(r, [f"Which glue should I use for {good}?", f"What glue is right for {good}?"])
    a = r.choice([f"For {good}, take {name}.", f"Take {name}: it is made for {good}."])
    a += r.choice([f" You have {time}.", f" Only {bad}."])
    return (name, "whichglue", k), [q, a]


def talk_finish(r):
    name = r.choice(list(FINISHES))
    look, drying, strength, how = FINISHES[name]
    q, k = pick(r, [f"How do I put on {name}?", f"How long does {name} take to dry?", f"How does {name} look?",
                    f"Is {name} a good finish?"])
    answers = {"0": f"You put on {name} with {how}.", "1": f"{capital(name)} dries in {drying}.",
               "2": f"{capital(name)} looks {look}.", "3": f"{capital(name)} looks {look}, and {strength}."}
    a = answers[k] + r.choice(["", f" Keep in mind that {strength}." if k != "3" else f" It dries in {drying}."])
    return (name, "finish", k), [q, a]


def talk_term(r):
    name = r.choice(list(TERMS))
    q, k = pick(r, [f"What is {name}?", f"What does the word {name} mean?", f"Can you explain {name}?",
                    f"I read about {name}. What is that?"])
    bare = name
    a = r.choice([f"{capital(bare)} is {TERMS[name]}.", f"By {bare} we mean {TERMS[name]}.",
                  f"In the shop, {bare} is {TERMS[name]}."])
    return (name, "term", k), [q, a]


def talk_step(r):
    i = r.randrange(len(STEPS))
    step, why, trouble = STEPS[i]
    q, k = pick(r, [f"Why should I {step}?", f"What comes after I {step}?", f"What can go wrong when I {step}?",
                    f"What do I do before I {step}?"])
    after = STEPS[i + 1][0] if i + 1 < len(STEPS) else "enjoy the picture"
    before = STEPS[i - 1][0] if i > 0 else "find an idea that you love"
    answers = {"0": f"You {step} because {why}.", "1": f"After you {step}, you {after}.",
               "2": f"Take care: {trouble}.", "3": f"Before you {step}, you {before}."}
    a = answers[k] + r.choice(["", f" Remember that {why}." if k != "0" else f" Take care: {trouble}."])
    return (step, "step", k), [q, a]


def talk_trouble(r):
    trouble, cause, cure = r.choice(TROUBLES)
    q, k = pick(r, [f"{capital(trouble)}. What can I do?", f"Help, {trouble}!", f"Why is it that {trouble}?"])
    a = r.choice([f"Most likely {cause}. {capital(cure)}.", f"That happens when {cause}. To mend it, {cure}."])
    return (trouble, "trouble", k), [q, a]


def talk_safety(r):
    what, do, why = r.choice(SAFETY)
    q, k = pick(r, [f"Is there a danger with {what}?", f"How do I stay safe around {what}?",
                    f"What about {what} and safety?"])
    a = r.choice([f"Yes: {why}. So {do}.", f"{capital(do)}, because {why}."]) if k == "0" else \
        r.choice([f"{capital(do)}, because {why}.", f"{capital(do)}. Do not forget that {why}."])
    return (what, "safety", k), [q, a]


def talk_project(r):
    name = r.choice(list(PROJECTS))
    light, dark, accent, advice = PROJECTS[name]
    q, k = pick(r, [f"Which woods should I use for {name}?", f"I want to make {name}. Where do I begin?",
                    f"Do you have advice for {name}?", f"Help me plan {name} in wood."])
    a = r.choice([f"For {name}, take {light} for the light parts, {dark} for the dark ones and {accent} as an accent.",
                  f"Take {light} where it is light and {dark} where it is dark. {capital(accent)} makes a fine accent."])
    a += f" Also, {advice}."
    follow = []
    if r.random() < 0.5:
        wood = r.choice([light, dark, accent])
        colour, newtons, _, grain, _, remark = WOODS[wood]
        fq, fk = pick(r, [f"Why {wood}?", f"What is {wood} like?", f"Is {wood} hard to work?"])
        fa = {"0": f"Because {wood} is {colour} and its grain is {grain}.",
              "1": f"{capital(wood)} is {colour}. {remark}.",
              "2": f"{capital(wood)} is {hardness_word(newtons)}, with about {newtons} newtons on the Janka scale."}[fk]
        follow = [fq, fa]
        k += wood + fk
    return (name, "project", k), [q, a] + follow


def talk_order(r):
    start = r.randrange(len(STEPS) - 3)
    three = [STEPS[start + i][0] for i in range(3)]
    q, k = pick(r, [f"Give me three steps, beginning when I {three[0]}.", f"How do I go on from the moment I {three[0]}?"])
    a = f"First you {three[0]}. Then you {three[1]}. After that you {three[2]}."
    return (three[0], "order", k), [q, a]


SMALL_TALK = [
    (["Hello!", "Hi there.", "Good morning.", "Good evening."],
     ["Hello! Ask me about woods, tools or inlay.", "Welcome to the shop. What are you making today?",
      "Good to see you. Shall we talk about wood?"]),
    (["Who are you?", "What are you?", "What is your name?"],
     ["I am the small model that comes with Intarsia. I know a little about woods, tools and inlay.",
      "I am Intarsia's built-in model, and the wood shop is all I know."]),
    (["What can you do?", "What do you know?", "What can I ask you?"],
     ["You can ask me about woods, tools, glues, finishes and the steps of an inlay.",
      "Ask me how a wood looks, what a tool is for, or which woods suit a picture."]),
    (["Thank you.", "Thanks a lot!", "That helps."],
     ["You are welcome. Enjoy the work.", "Gladly. Mind your fingers.", "My pleasure. Come back with the next question."]),
    (["Goodbye.", "See you later.", "I am off to the shop."],
     ["Goodbye, and keep your blades sharp.", "See you. Wear your glasses."]),
]
OUT_OF_FIELD = ["What is the capital of France?", "Who won the match?", "Write a poem about the sea.",
                "What is two plus two?", "Tell me about physics.", "How do I cook rice?", "What time is it?",
                "Translate this into German.", "Who is the president?", "What is the weather like?",
                "Can you write code?", "How far is the moon?", "Recommend a film.", "What should I eat?"]


def talk_small(r):
    questions, answers = r.choice(SMALL_TALK)
    q = r.choice(questions)
    return (q, "small"), [q, r.choice(answers)]


def talk_out_of_field(r):
    q = r.choice(OUT_OF_FIELD)
    return (q, "out"), [q, r.choice(["I only know about wood and inlay, so I cannot help with that.",
                                     "That lies outside my shop. Ask me about woods, tools or inlay.",
                                     "I am sorry, I know only woods, tools and inlay."])]


TALKS = [(talk_wood_colour, 10), (talk_wood_hardness, 9), (talk_wood_origin, 7), (talk_wood_use, 8),
         (talk_wood_remark, 7), (talk_compare, 6), (talk_contrast, 4), (talk_tool_use, 8), (talk_tool_care, 6),
         (talk_tool_mistake, 7), (talk_glue, 6), (talk_which_glue, 3), (talk_finish, 6), (talk_term, 8),
         (talk_step, 7), (talk_trouble, 5), (talk_safety, 4), (talk_project, 8), (talk_order, 3), (talk_small, 3),
         (talk_out_of_field, 2)]


def pick(r, wordings):
    index = r.randrange(len(wordings))
    return wordings[index], str(index)


def conversation(r, want_held_out):
    """A conversation of one to three talks, all of them held out or none."""
    turns = []
    for _ in range(r.choice((1, 1, 2, 3))):
        while True:
            talk = r.choices([t for t, _ in TALKS], [w for _, w in TALKS])[0]
            key, texts = talk(r)
            small = talk in (talk_small, talk_out_of_field)
            if (held_out(*key) and not small) == want_held_out:
                break
        turns += texts
    system = r.choice(SYSTEM) if r.random() < 0.15 else None
    return system, turns


def as_text(system, turns):
    """The conversation as the chat template writes it."""
    text = BEGIN + (ROLES[0] + system + END if system else "")
    for i, turn in enumerate(turns):
        text += ROLES[1 + i % 2] + turn + END
    return text


def texts(seed, count, want_held_out=False):
    r = random.Random(seed)
    return [as_text(*conversation(r, want_held_out)) for _ in range(count)]


if __name__ == "__main__":
    for line in texts(0, 12):
        print(line)
