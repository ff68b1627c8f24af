"""Words that show the topic of a mail regardless of its sender: prior knowledge that does not come
from training data. Written for this project; only words and pairs of words count, as in the
normalised text.
"""

# What unwanted mail is about.
UNWANTED: dict[str, str] = {
    # Sales talk.
    "offer": """
        advertise advertisement advertisers advertising affordable amazing bargain bargains
        bestseller bonus brand buy cartridges cash catalog cheap cheaper cheapest checkout clearance
        coupon coupons cruise customers designer discount discounts dvd exclusive fantastic free
        gift gifts guarantee guaranteed incredible ink lifetime lowest luxury membership offer
        offers order ordering orders prices promo promotion promotional purchase quality refund
        refunds replica retail rolex sale satisfaction save savings shipping shop shopping special
        store subscribers sweepstakes travel trial unbelievable vacation vacations voucher vouchers
        warranty watches wholesale best_price buy_now for_free free_trial limited_time low_price
        money_back no_cost no_obligation off_the order_now per_month special_offer toll_free
    """,
    # Getting rich.
    "income": """
        boss cash dollars downline earn earning earnings entrepreneur entrepreneurs envelopes
        fortune freedom homebased homeworkers income invest investor investors millionaire
        millionaires millions mlm multilevel opportunities opportunity paycheck profit profitable
        profits recruit residual rich riches secrets sponsor success successful testimonial
        testimonials wealth wealthy weekly a_week business_opportunity earn_money extra_money
        financial_freedom from_home get_paid home_based make_money money_making per_week work_from
        your_own
    """,
    # Loans and debt.
    "lending": """
        approval approved apr bankruptcy consolidate consolidation creditors debt debts equity
        homeowner homeowners insurance lender lenders loan loans mortgage mortgages payday policy
        preapproved premiums quotes refinance refinancing repayment bad_credit credit_card
        credit_cards credit_report free_quote interest_rate interest_rates low_interest lower_your
        monthly_payment your_credit your_debt your_mortgage
    """,
    # Medicines and bodies.
    "remedy": """
        aging ambien antidepressant cholesterol cialis diet dieting doctor doctors dosage drugstore
        enlarge enlargement erectile erection erections fat generic herb herbal herbs hgh hormone
        hormones hydrocodone impotence inches levitra libido meds muscle natural obesity penis
        pharmaceutical pharmacies pharmacy phentermine physician pill pills potency pounds
        prescription prescriptions slim soma stamina supplement supplements tablet tablets tramadol
        valium viagara viagra vicodin weight wrinkle wrinkles xanax anti_aging burn_fat
        growth_hormone hair_loss lose_weight no_prescription side_effects weight_loss
    """,
    # Adult.
    "adult": """
        adult adults amateur anal babes bitch bitches blowjob boobs cock cocks cum cumshots dating
        dick erotic erotica escort explicit fuck fucking girls hardcore hookup horny hot lesbian
        lesbians lonely milf naked naughty nude orgasm orgy porn porno pussy seduce sex sexual sexy
        singles slut sluts swingers teen teens tits virgin voyeur webcam webcams whores xxx
        hot_girls live_girls meet_singles
    """,
    # Inheritances, lotteries, foreign funds.
    "fraud": """
        abidjan abroad allah almighty assistance asylum atm attorney award awarded ballot barrister
        beloved beneficiaries beneficiary benin bless cancer charity claim claimed claims colonel
        company compensation confidential confidentiality congo congratulations consignment dearest
        deceased deposit deposited diplomat diplomatic dollars donate donation dormant dubai dying
        embassy estate euros executor fiduciary foreign foreigner fund funds general ghana god
        honest humbly husband inheritance ivory jackpot johannesburg kin lagos late leone liberia
        lottery lotto million minister ministry modalities mutual nigeria nigerian orphanage
        overseas partner percentage pounds president prize prizes proposal refugee remit remittance
        security sierra sincerely solicit solicitor sterling sum transfer transferred transferring
        trustworthy unclaimed urgent usd widow wife winner winners winning winnings zimbabwe
        account_number bank_account business_proposal contact_me dear_friend dear_sir
        foreign_partner god_bless have_won late_husband million_dollars my_late next_of
        strictly_confidential this_transaction united_states you_won your_assistance your_country
    """,
    # Accounts to verify.
    "credentials": """
        account accounts alert bank banking billing citibank confirm confirmation credentials
        customer deactivate deactivated deactivation ebay fraud fraudulent identity invoice limited
        log login logon mailbox mastercard notification passcode password passwords payment paypal
        pin quota reactivate restore restricted secure security signin ssl ssn suspend suspended
        suspension terminated unauthorised unauthorized unusual update updated upgrade username
        validate validation verification verified verify visa wallet webmail account_information
        been_suspended click_on dear_customer dear_user link_below log_in online_banking
        personal_information security_measures the_link valued_customer your_account your_password
    """,
    # Hurry.
    "urgency": """
        act asap attention before deadline expire expires expiring fast final forever hurry
        immediately important instant instantly last limited miss never notice now once quick
        quickly stop today tonight urgent urgently waiting warning act_now as_soon call_now
        don_t expires_on final_notice last_chance limited_time once_in right_now today_only
    """,
    # How to be removed from a list.
    "removal": """
        ads advertisement apologize bulk consent exclude inconvenience intended intrusion mailings
        newsletter newsletters offend offended opt optout preferences recipient recipients removal
        remove removed spam spamming subscription unsolicited unsubscribe unsubscribed all_rights
        be_removed email_address further_mailings future_mailings mailing_list no_longer not_wish
        one_time opt_in opt_out our_list privacy_policy receiving_this removed_from reply_with
        subject_line this_email to_remove wish_to you_received
    """,
    # What to click, call or fill in.
    "call_to_action": """
        activate apply browse call click collect download enroll enter fax fill form homepage
        internet join online phone receive redeem register reply request signup site submit
        subscribe tollfree view visit web webpage website yes call_toll call_us check_it check_out
        click_below click_here fill_out find_out for_more here_to log_on more_info more_information
        our_site our_website please_call please_visit reply_to sign_up visit_our web_site
    """,
    # Share tips.
    "stocks": """
        alert breakout bullish explode explosive forward investor investors microcap momentum nasdaq
        otc otcbb penny pick picks pinksheets projected rally shareholder shareholders shares soar
        soaring speculative stock stocks symbol target ticker undervalued current_price
        forward_looking hot_stock press_release price_target strong_buy
    """,
    # Software, gambling, diplomas, bulk mail.
    "trade": """
        addresses adobe bachelor banner bets betting blackjack cable casino casinos cd cds degree
        degrees descrambler detective diploma diplomas domain domains download email emails engines
        gambling hosting jackpot leads licence licenses mailer marketers marketing masters microsoft
        oem office photoshop poker professional promote roulette satellite software spy spyware
        surveillance targeted traffic transcripts university webmaster webmasters windows xp
        bulk_email email_addresses life_experience million_email no_deposit search_engine
        search_engines web_traffic your_website
    """,
}
# Topics of personal mail.
WANTED: dict[str, str] = {
    # Answers and forwards.
    "quoting": """
        asks bcc cc forwarded fw fwd original quoted quoting re replied responded said writes wrote
        forwarded_by on_behalf original_message reply_to sent_to to_subject
    """,
    # Greetings and thanks.
    "courtesy": """
        appreciate appreciated best cheers ciao evening everyone folks glad greetings guys hello hi
        hope morning please regards sincerely sorry thank thanks thx welcome yours any_questions
        best_regards feel_free hi_all hope_this in_advance let_me look_forward looking_forward
        me_know thank_you thanks_for thanks_in
    """,
    # Office life.
    "work": """
        agenda attached attachment budget call comments committee conference contract contracts deal
        deals department discuss discussed discussion discussions document documents draft drafts
        follow forwarded friday group issue issues manager meeting meetings memo minutes monday
        office presentation project projects proposal question questions report reports responsible
        review reviewed revised schedule scheduled spreadsheet staff team thursday tomorrow tuesday
        update wednesday yesterday attached_is conference_call find_attached follow_up last_week
        need_to next_week please_find set_up should_be talk_to this_week we_need will_be working_on
    """,
    # Computers and mailing lists.
    "technical": """
        algorithm archive branch bug bugs build code command commit compile compiler config
        configure cpu data database debug directory disk dos driver drivers error errors file files
        function hardware html http input install installed java kernel keyboard library linux list
        lists mac mail mailer mailing memory module output package packages patch patches perl
        printer program programming programs python query release root script scripts server servers
        source string thread unix user users variable version windows xml command_line error_message
        mailing_list operating_system source_code the_code the_file the_list the_problem
    """,
    # Arguing and explaining.
    "discussion": """
        actually agree although analysis answer answers anybody anyone apparently argument basically
        because believe book books certainly claim difference different disagree discussion either
        everybody evidence exactly example examples fact facts fairly false guess history however
        idea ideas interest interested interesting issue maybe mean meaning means neither obviously
        opinion opinions perhaps point probably problem problems question quite rather really reason
        reasons review right seem seemed seems sense simply somebody someone study suppose therefore
        think though thought thus topic true understand understanding whether wonder wondering wrong
        as_far at_least does_anyone for_example has_anyone i_believe i_don i_guess i_m i_think i_ve
        i_wonder in_fact it_seems kind_of of_course other_hand seems_to sort_of such_as
    """,
    # People and home.
    "personal": """
        asked babe baby been birthday brother dad daughter dear did dinner dude friend friends gonna
        got gotta had haha he her hers hey him his home house i kids knew ll lol love lunch me mine
        miss mom morning mum my night nope ok okay our party pls said school she sister sleep son
        sorry their them they thought told u ur us ve wanna was we weekend went were wife yeah yep
        yup are_you do_you going_to good_luck how_are i_am i_have i_ll i_was last_night let_s
        my_friend my_wife see_you talk_to we_were
    """,
}
