#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Chat templates in the shapes that models use, rendered by transformers.

    pip install transformers
    python3 make_chat_goldens.py"""

import json
import pathlib

from transformers.utils.chat_template_utils import _compile_jinja_template

TEMPLATES = {
    "chatml": "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}{% endfor %}"
              "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}",
    "default-system": "{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system\nBe kind.<|im_end|>\n' }}"
                      "{% endif %}{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}{% endfor %}",
    "llama3": "{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
              "+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}"
              "{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}",
    "mistral": "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'system' %}{% set extra = message['content'] %}{% elif message['role'] == 'user' %}"
               "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ message['content'] + eos_token }}"
               "{% else %}{{ raise_exception('Only user and assistant roles are supported!') }}{% endif %}{% endfor %}",
    "zephyr": "{% for message in messages %}\n{% if message['role'] == 'user' %}\n{{ '<|user|>\n' + message['content'] + eos_token }}\n"
              "{% elif message['role'] == 'system' %}\n{{ '<|system|>\n' + message['content'] + eos_token }}\n{% elif message['role'] == 'assistant' %}\n"
              "{{ '<|assistant|>\n'  + message['content'] + eos_token }}\n{% endif %}\n{% if loop.last and add_generation_prompt %}\n{{ '<|assistant|>' }}\n{% endif %}\n{% endfor %}",
    "namespace": "{%- set ns = namespace(system='', count=0) -%}\n{%- for message in messages -%}\n    {%- if message.role == 'system' -%}\n"
                 "        {%- set ns.system = message.content -%}\n    {%- else -%}\n        {%- set ns.count = ns.count + 1 -%}\n    {%- endif -%}\n{%- endfor -%}\n"
                 "{{ ns.system | upper }}|{{ ns.count }}|{{ messages | length }}",
    "macro": "{% macro turn(role, text, end='<end>') %}<{{ role }}>{{ text | trim }}{{ end }}{% endmacro %}"
             "{% for m in messages if m.role != 'system' %}{{ turn(m.role, m.content) }}{% else %}nothing{% endfor %}",
    "gemma": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}"
             "{% for m in rest %}{% set role = 'model' if m['role'] == 'assistant' else m['role'] %}{{ '<start_of_turn>' + role + '\n' + m['content'] | trim + '<end_of_turn>\n' }}"
             "{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\n'}}{% endif %}",
    "filters": "{{ messages | map(attribute='role') | join(',') }};{{ messages | selectattr('role', 'equalto', 'user') | list | length }};"
               "{{ messages[-1]['content'][:5] }};{{ missing | default('none') }};{{ messages[0] | tojson }};{{ [1, 2, 3][::-1] }};"
               "{{ 7 // 2 }} {{ 7 % 3 }} {{ 7 / 2 }} {{ 2 * 3.5 }};{{ 'x' in 'xyz' and not 'q' in 'xyz' }};{{ messages[0].content.split(' ')[0] }};"
               "{{ 'a-b'.replace('-', '+') | capitalize }};{{ tools is none }};{{ foo is defined }};{{ [1, 'two', none, true] }}",
    "whitespace": "  {% if true %}\n    indented\n  {% endif %}\nplain {# a comment #} text\n{#- gone -#}\n  {{- ' joined ' -}}\n  end\n",
}
CONVERSATIONS = [
    [{"role": "user", "content": "Hello"}],
    [{"role": "system", "content": "You are  terse. "}, {"role": "user", "content": " Hi \"there\"\n"}],
    [{"role": "user", "content": "Größe 👍 <|im_end|>"}, {"role": "assistant", "content": "Yes, 'really'."}, {"role": "user", "content": "Why?"}],
]

cases = []
for name, template in TEMPLATES.items():
    for messages in CONVERSATIONS:
        for prompt in (False, True):
            text = _compile_jinja_template(template).render(messages=messages, add_generation_prompt=prompt, bos_token="<s>", eos_token="</s>",
                                                            tools=None, documents=None)
            cases.append({"name": name, "template": template, "messages": messages, "add_generation_prompt": prompt, "text": text})
(pathlib.Path(__file__).resolve().parent / "cases.json").write_text(json.dumps(cases, ensure_ascii=False, indent=1) + "\n")
