#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later WITH AdditionRef-Intarsia-CUDA
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
    "phi3": "{% for m in messages %}{% if m['role'] == 'system' %}{{ '<|system|>\n' + m['content'] + '<|end|>\n' }}{% elif m['role'] == 'user' %}"
            "{{ '<|user|>\n' + m['content'] + '<|end|>\n' }}{% elif m['role'] == 'assistant' %}{{ '<|assistant|>\n' + m['content'] + '<|end|>\n' }}{% endif %}"
            "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
    "system-in-last-turn": "{%- if messages[0]['role'] == 'system' %}\n    {%- set system = messages[0]['content'] %}\n    {%- set turns = messages[1:] %}\n"
                           "{%- else %}\n    {%- set turns = messages %}\n{%- endif %}\n\n{{- bos_token }}\n{%- for m in turns %}\n"
                           "    {%- if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}\n        {{- raise_exception('Roles must alternate') }}\n    {%- endif %}\n"
                           "    {%- if m['role'] == 'user' %}\n        {%- if loop.last and system is defined %}\n            {{- '[INST] ' + system + '\n\n' + m['content'] + '[/INST]' }}\n"
                           "        {%- else %}\n            {{- '[INST] ' + m['content'] + '[/INST]' }}\n        {%- endif %}\n    {%- else %}\n"
                           "        {{- ' ' ~ m['content'] | trim ~ eos_token }}\n    {%- endif %}\n{%- endfor %}\n",
    "tools-aware": "{%- if tools %}\n    {{- '<tools>' }}\n    {%- for tool in tools %}{{ tool | tojson }}{% endfor %}\n    {{- '</tools>' }}\n{%- else %}\n"
                   "    {%- if messages[0].role == 'system' %}\n        {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}\n    {%- endif %}\n{%- endif %}\n"
                   "{%- for message in messages %}\n    {%- if (message.role == 'user') or (message.role == 'system' and not loop.first) or (message.role == 'assistant' and not message.tool_calls) %}\n"
                   "        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}\n    {%- endif %}\n{%- endfor %}\n"
                   "{%- if add_generation_prompt %}\n    {{- '<|im_start|>assistant\\n' }}\n{%- endif %}\n",
    "thinking": "{% set ns = namespace(last=-1, seen=[]) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% set ns.seen = ns.seen + [m.content[:3]] %}{% endif %}{% endfor %}"
                "{% for m in messages[::-1] %}{{ m.content[::-1] }}/{{ loop.revindex }}{{ ' ' if not loop.last }}{% endfor %}|{{ ns.last }}|{{ ns.seen | join('+') }}|{{ messages[-1].content[-4:-1] }}"
                "{% if '</think>' in messages[-1].content %}{{ messages[-1].content.split('</think>')[-1].lstrip('\n') }}{% endif %}",
    "characters": "{% for c in messages[0].content %}{{ c }}{% if not loop.last %}.{% endif %}{% endfor %}\r\n{{ messages[0].content[1] }}{{ messages[0].content | list | length }}\r\n",
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
