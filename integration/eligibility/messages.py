"""The words of the reasoning, in English: templates by key, translated at the edge.

`%(name)s` places take the parameters of a :class:`Ground`, already written for the reader.
"""

from __future__ import annotations

from collections.abc import Mapping


def N_(message: str) -> str:
    """Mark a message for the catalogue; translated when it is shown."""
    return message


NOT_LEGAL_ADVICE = N_("Information, not legal advice.")
OUR_RULE = N_("our own rule, where law and policy leave room")
"""The source of a product rule (D1 to D17)."""
NO_SOURCE = N_("no source in our data")

GROUNDS: Mapping[str, str] = {
    "law_unchecked": N_("The law of this country is not checked: we have no data for it. A right may exist."),
    "law_no_country": N_("The order names no country, so no law can be looked up. A right may exist."),
    "law_no_right": N_("No general right to return after a change of mind in our data for this country."),
    "law_consumers_only": N_("The right of withdrawal is for consumers; this buyer is a business."),
    "law_th_direct_marketer": N_(
        "The right to return within 7 days binds only registered direct marketers; "
        "the store says whether it is one."
    ),
    "law_excepted": N_("No right of withdrawal for this kind of goods: %(category)s."),
    "law_exception_open": N_("A fact is missing that decides whether an exception applies: %(category)s."),
    "law_late_shipment": N_(
        "Not shipped by %(promised)s, and the customer did not agree to wait: cancel and refund everything."
    ),
    "law_late_more_time": N_(
        "Not sent by %(promised)s. The customer may set one more fitting time for it; when that passes too, "
        "they may end the contract and have everything back, whatever kind of goods it is."
    ),
    "law_days": N_("Law: %(days)s to withdraw without a reason."),
    "law_before_delivery": N_("The right exists before delivery too."),
    "law_not_started": N_("No delivery is recorded that starts the legal period, so it has no end date yet."),
    "law_waits_for_others": N_(
        "Other items of this order have not arrived yet. The period begins when the last one does, "
        "so it has no end date yet."
    ),
    "law_window": N_(
        "Law: %(days)s to withdraw without a reason, counted from the day after %(start)s: until %(until)s."
    ),
    "law_from_contract": N_("Counted from the day of the contract: %(start)s."),
    "law_from_exchange": N_("The item received in an exchange on %(start)s starts a new legal period."),
    "law_from_first_good": N_("Regular deliveries: counted from the first one."),
    "law_from_last_good": N_("One order in several parcels: counted from the last item to arrive."),
    "law_from_last_piece": N_("Delivered in several pieces: counted from the last one."),
    "law_informed_late": N_(
        "The customer was told of the right only on %(told)s: %(days)s from then, until %(until)s."
    ),
    "law_not_informed": N_("The customer was not told of the right: %(months)s longer, until %(until)s."),
    "law_rolled": N_("%(end)s is a weekend or public holiday, so the period ends on %(until)s."),
    "fault_no_term": N_("Faulty or wrong goods: a “no returns” clause is void. No period in our data."),
    "fault_not_started": N_("Faulty or wrong goods: the seller answers for %(months)s from delivery."),
    "fault_window": N_(
        "Faulty or wrong goods: the seller answers for %(months)s from %(start)s, until %(until)s."
    ),
    "fault_presumed": N_("Until %(until)s a fault is presumed to have been there at delivery."),
    "fault_to_prove": N_("Since %(until)s the customer must show that the fault was there at delivery."),
    "fault_repair_first": N_("Repair or replacement comes first, free of charge; money is decided later."),
    "fault_reject": N_("Until %(until)s the customer may reject the goods and have the money back."),
    "fault_or_money": N_(
        "The time to return it without a reason runs too: for money back at once, choose a change of mind."
    ),
    "fault_possible": N_(
        "This is about a change of mind. If the goods are faulty or not what was ordered, a claim is still "
        "possible: choose that reason."
    ),
    "fault_unchecked": N_("Our data for this country says nothing of faulty goods. A right may exist."),
    "fault_consumers_only": N_(
        "Our data says what consumers may claim for faulty goods, not what a business may. A right may exist."
    ),
    "reason_decides": N_("A fault would be another route with a longer period. Ask why the item comes back."),
    "policy_none": N_("The store's policy: no returns for this item."),
    "policy_final_sale": N_("The store's policy: final sale, no returns."),
    "policy_excluded": N_("The store's policy excludes this kind of goods: %(category)s."),
    "policy_unshipped": N_("The store's policy: what was not sent yet may be cancelled."),
    "policy_not_before_delivery": N_("The store's policy: no cancelling; the return period starts later."),
    "policy_no_last_day": N_("The store's policy: may be returned without a last day."),
    "policy_window": N_("The store's policy: %(days)s, until %(until)s."),
    "policy_estimated": N_("The store's policy: %(days)s. Estimated from shipping: until %(until)s."),
    "policy_holiday": N_(
        "The store's policy: bought in the holiday period, may be returned until %(until)s."
    ),
    "policy_start_unknown": N_("The store's policy: %(days)s, and the day it starts is not known."),
    "notice_on_file": N_("A request of %(notice)s is on file: that day counts."),
    "line_cancelled": N_("This line was cancelled: nothing is left to return."),
    "nothing_left": N_("Everything on this line was returned before."),
    "quantity_capped": N_("Only %(left)s left to return; %(refused)s asked for beyond that."),
    "gift_kept": N_("A free gift came with the returned item and was kept: a person decides about the gift."),
    "gift_returned": N_("A free gift: it comes back with its item and nothing is paid for it."),
    "bundle_part": N_("Part of a bundle, and the policy lists no price for the parts: a person decides."),
    "sent_late": N_("The goods were sent back after the time for it: a person decides."),
    "money_no_fee": N_("No restocking fee and no other cost may be charged on a timely withdrawal."),
    "money_restocking": N_("Restocking fee of the store's policy: %(amount)s."),
    "money_fee_unsure": N_(
        "Whether the law gives this right too is not known yet. If it does, no such fee may be taken: "
        "find out first."
    ),
    "money_label": N_("The store's return label: %(amount)s."),
    "money_diminished": N_("Deducted for loss in value by handling: %(amount)s."),
    "money_keep_item": N_(
        "Worth too little to send back: the customer keeps the goods, without label or fee."
    ),
    "money_delivery_later": N_("The delivery cost goes back once all of the order has come back."),
    "money_delivery_unshipped": N_(
        "Nothing was sent yet: all payments go back, with the delivery as chosen."
    ),
    "money_delivery_cheapest": N_("The delivery cost goes back up to the cheapest standard delivery."),
    "money_delivery_stays": N_("The store's policy does not refund the delivery cost."),
    "money_due": N_("To be paid back by %(due)s."),
    "money_due_waits": N_(
        "To be paid back within the legal time once the goods or proof of sending are here."
    ),
    "money_no_term": N_("The law sets no fixed term for the refund in the sources."),
    "money_send_back": N_("The customer sends the goods back by %(until)s."),
}

MISSING: Mapping[str, str] = {
    "delivered": N_("When was it delivered? Look at the tracking page, or ask the customer."),
    "unsealed": N_("Is the seal unbroken? Ask the customer, for example for a photo."),
    "used": N_("Was it used? Ask the customer."),
    "reason": N_("Why does it come back? Ask whether anything is wrong with it."),
    "law": N_("The law of this country is not in our data. Ask somebody who knows it."),
    "consent": N_(
        "Did the customer agree that it begins before the period ends? Look at the checkout's record."
    ),
    "acknowledged": N_(
        "Did the customer acknowledge that the right is lost then? Look at the checkout's record."
    ),
    "confirmed": N_("Did the store confirm both to the customer, on something that can be kept?"),
    "started": N_("Was it downloaded, opened or begun?"),
    "country": N_("Which country was it sent to? Write the delivery address into the order in the store."),
    "th_direct_marketer": N_(
        "Is the store a registered direct marketer in Thailand? The owner answers once."
    ),
}

SUMMARIES: Mapping[str, str] = {
    "accept": N_("May be returned."),
    "accept_until": N_("May be returned until %(until)s."),
    "accept_unsent": N_("May be cancelled before it is sent, with all money back."),
    "accept_fault": N_("A claim for a fault is open. Repair or replacement comes first."),
    "accept_reject": N_("A claim for a fault is open, and the money may go back."),
    "refuse": N_("May not be returned."),
    "refuse_cancelled": N_("This line was cancelled: nothing is left to return."),
    "refuse_gone": N_("Everything on this line was returned before."),
    "refuse_since": N_("May not be returned: the last period ended on %(until)s."),
    "review_ask": N_("One missing fact decides. Ask, or look in the conversation."),
    "review_weigh": N_("A right is open, and a person must weigh this case."),
}

WORDS: Mapping[str, str] = {
    "personalised": N_("made to order or personalised"),
    "perishable": N_("spoils quickly"),
    "broken_hygiene_seal": N_("sealed for hygiene, seal broken after delivery"),
    "broken_media_seal": N_("sealed recording or software, seal broken"),
    "used": N_("used after delivery"),
    "digital": N_("digital content"),
    "digital_agreed": N_("digital content, begun with consent and acknowledgement"),
    "digital_begun": N_("digital content, begun with consent, acknowledgement and confirmation"),
    "gift_card": N_("gift card"),
    "mixed": N_("inseparably mixed after delivery"),
    "market_price": N_("price follows the market"),
    "alcohol_deferred": N_("alcohol with late delivery and a market price"),
    "urgent_repair": N_("urgent repair asked for"),
    "periodical": N_("newspaper or magazine"),
    "auction": N_("bought at a public auction"),
    "dated_service": N_("service on a set date"),
    "performed_service": N_("service fully performed"),
    "performed_agreed": N_("service fully performed, begun with consent and acknowledgement"),
    "hazardous": N_("hazardous goods"),
    "oversized": N_("oversized goods"),
    "delivery": N_("delivery"),
    "fulfilment": N_("fulfilment"),
    "order": N_("the order"),
}
"""Words that stand as parameters, and names of categories and start events in forms."""
